// The first instructions of a program: relocate, then go on in Rust.
// In: x0 = address of the start-up record. Every other register is undefined.

.section .text.start_entry, "ax"
.global _start
.type _start, %function
.weak   _DYNAMIC                    // absent in a program with fixed addresses
.hidden _DYNAMIC
_start:
    mov     x29, xzr                    // the outermost frame
    mov     x30, xzr
    ldr     x2, [x0, #40]               // StartupRecord.load_offset
    cbz     x2, start_rust              // where it was linked for: nothing to do
    adrp    x1, _DYNAMIC
    add     x1, x1, :lo12:_DYNAMIC
    mov     x3, xzr                     // DT_RELA
    mov     x4, xzr                     // DT_RELASZ
.Lstart_dynamic:
    ldp     x5, x6, [x1], #16
    cbz     x5, .Lstart_relocate        // DT_NULL
    cmp     x5, #7                      // DT_RELA
    csel    x3, x6, x3, eq
    cmp     x5, #8                      // DT_RELASZ
    csel    x4, x6, x4, eq
    b       .Lstart_dynamic
.Lstart_relocate:
    add     x3, x3, x2
    add     x4, x3, x4
.Lstart_next:
    cmp     x3, x4
    b.hs    start_rust
    ldp     x5, x6, [x3]                // r_offset, r_info
    ldr     x7, [x3, #16]               // r_addend
    add     x3, x3, #24
    cmp     x6, #1027                   // R_AARCH64_RELATIVE, no symbol
    b.ne    .Lstart_unknown
    add     x7, x7, x2
    str     x7, [x5, x2]
    b       .Lstart_next
.Lstart_unknown:
    mov     x0, #20                     // RC_FAIL
    mov     x8, #7                      // process_exit
    svc     #0
    brk     #1
.size _start, . - _start
