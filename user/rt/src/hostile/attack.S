// Makes one system call with every register chosen by the caller.
// In: x0 = address of 29 words: x0 to x18 of the call, x8 being its number.
// Out: the same words hold x0 to x18 as they came back, then x19 to x27 changed by
// the kernel (0 where it kept them), then its change of the stack pointer.

.section .text.hostile_call, "ax"
.global hostile_call
.type hostile_call, %function
hostile_call:
    bti     c
    stp     x29, x30, [sp, #-112]!
    mov     x29, sp
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mov     x28, x0
    mov     x19, #0x1919
    mov     x20, #0x2020
    mov     x21, #0x2121
    mov     x22, #0x2222
    mov     x23, #0x2323
    mov     x24, #0x2424
    mov     x25, #0x2525
    mov     x26, #0x2626
    mov     x27, #0x2727
    ldp     x2, x3, [x28, #16]
    ldp     x4, x5, [x28, #32]
    ldp     x6, x7, [x28, #48]
    ldp     x8, x9, [x28, #64]
    ldp     x10, x11, [x28, #80]
    ldp     x12, x13, [x28, #96]
    ldp     x14, x15, [x28, #112]
    ldp     x16, x17, [x28, #128]
    ldr     x18, [x28, #144]
    ldp     x0, x1, [x28]
    svc     #0
    stp     x0, x1, [x28]
    stp     x2, x3, [x28, #16]
    stp     x4, x5, [x28, #32]
    stp     x6, x7, [x28, #48]
    stp     x8, x9, [x28, #64]
    stp     x10, x11, [x28, #80]
    stp     x12, x13, [x28, #96]
    stp     x14, x15, [x28, #112]
    stp     x16, x17, [x28, #128]
    str     x18, [x28, #144]
    mov     x0, #0x1919
    mov     x1, #0x2020
    mov     x2, #0x2121
    mov     x3, #0x2222
    mov     x4, #0x2323
    mov     x5, #0x2424
    mov     x6, #0x2525
    mov     x7, #0x2626
    mov     x8, #0x2727
    eor     x0, x0, x19
    eor     x1, x1, x20
    eor     x2, x2, x21
    eor     x3, x3, x22
    eor     x4, x4, x23
    eor     x5, x5, x24
    eor     x6, x6, x25
    eor     x7, x7, x26
    eor     x8, x8, x27
    stp     x0, x1, [x28, #152]
    stp     x2, x3, [x28, #168]
    stp     x4, x5, [x28, #184]
    stp     x6, x7, [x28, #200]
    mov     x9, sp
    sub     x9, x9, x29
    stp     x8, x9, [x28, #216]
    ldp     x19, x20, [x29, #16]
    ldp     x21, x22, [x29, #32]
    ldp     x23, x24, [x29, #48]
    ldp     x25, x26, [x29, #64]
    ldp     x27, x28, [x29, #80]
    mov     sp, x29
    ldp     x29, x30, [sp], #112
    ret
.size hostile_call, . - hostile_call

// Where a thread may begin that has nothing to do: it ends.
.global hostile_thread
.type hostile_thread, %function
hostile_thread:
    bti     c
    mov     x8, #{thread_exit}
    svc     #0
    brk     #1
.size hostile_thread, . - hostile_thread

// Goes to code with registers chosen by the caller, and does not come back.
// In: x0 = address of 18 words: x0 to x16, then the stack pointer, 0 for the one in
// use; x1 = address of the code.
.global hostile_jump
.type hostile_jump, %function
hostile_jump:
    bti     c
    mov     x17, x1
    mov     x18, x0
    ldr     x2, [x18, #136]
    cbz     x2, 1f
    mov     sp, x2
1:  ldp     x2, x3, [x18, #16]
    ldp     x4, x5, [x18, #32]
    ldp     x6, x7, [x18, #48]
    ldp     x8, x9, [x18, #64]
    ldp     x10, x11, [x18, #80]
    ldp     x12, x13, [x18, #96]
    ldp     x14, x15, [x18, #112]
    ldr     x16, [x18, #128]
    ldp     x0, x1, [x18]
    mov     x18, xzr
    br      x17
.size hostile_jump, . - hostile_jump
