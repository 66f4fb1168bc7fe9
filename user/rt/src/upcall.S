// Where the kernel goes on with a thread at a fault or a break.
// In: x0 = sp = address of the UpcallRecord. The vector registers are still the
// interrupted code's; every other register is in the record.

.section .text.upcall_entry, "ax"
.global upcall_entry
.type upcall_entry, %function
upcall_entry:
    bti     c
    mov     x19, x0
    sub     sp, sp, #528
    st1     {{v0.2d, v1.2d, v2.2d, v3.2d}}, [sp]
    add     x1, sp, #64
    st1     {{v4.2d, v5.2d, v6.2d, v7.2d}}, [x1], #64
    st1     {{v8.2d, v9.2d, v10.2d, v11.2d}}, [x1], #64
    st1     {{v12.2d, v13.2d, v14.2d, v15.2d}}, [x1], #64
    st1     {{v16.2d, v17.2d, v18.2d, v19.2d}}, [x1], #64
    st1     {{v20.2d, v21.2d, v22.2d, v23.2d}}, [x1], #64
    st1     {{v24.2d, v25.2d, v26.2d, v27.2d}}, [x1], #64
    st1     {{v28.2d, v29.2d, v30.2d, v31.2d}}, [x1], #64
    mrs     x2, fpsr
    mrs     x3, fpcr
    stp     x2, x3, [x1]
    mov     x29, xzr                    // the outermost frame
    mov     x30, xzr
    bl      upcall_rust
    add     x1, sp, #512
    ldp     x2, x3, [x1]
    msr     fpsr, x2
    msr     fpcr, x3
    mov     x1, sp
    ld1     {{v0.2d, v1.2d, v2.2d, v3.2d}}, [x1], #64
    ld1     {{v4.2d, v5.2d, v6.2d, v7.2d}}, [x1], #64
    ld1     {{v8.2d, v9.2d, v10.2d, v11.2d}}, [x1], #64
    ld1     {{v12.2d, v13.2d, v14.2d, v15.2d}}, [x1], #64
    ld1     {{v16.2d, v17.2d, v18.2d, v19.2d}}, [x1], #64
    ld1     {{v20.2d, v21.2d, v22.2d, v23.2d}}, [x1], #64
    ld1     {{v24.2d, v25.2d, v26.2d, v27.2d}}, [x1], #64
    ld1     {{v28.2d, v29.2d, v30.2d, v31.2d}}, [x1], #64
    mov     x0, x19
    mov     x8, #{upcall_return}
    svc     #0
    // The record was refused: there is nothing to go on with.
    mov     x0, #20                     // RC_FAIL
    mov     x8, #{process_exit}
    svc     #0
    brk     #1
.size upcall_entry, . - upcall_entry
