// The exception vectors (ARM ARM D1.3.1) and the ways back to a program.
//
// Offsets of `UserFrame`, `Context` and `CpuLocal` are checked against the Rust
// definitions at compile time (context.rs, cpu.rs).

// The kernel itself is compiled without them; here they are a program's.
.arch_extension fp
.arch_extension simd

.set FRAME_SP, 248
.set FRAME_ELR, 256
.set FRAME_SPSR, 264
.set FRAME_TPIDR, 272
.set CTX_KERNEL_SP, 280
.set CTX_STACK_TOP, 288
.set CTX_TTBR0, 296
.set CTX_ON_CPU, 304
.set CTX_FP_LIVE, 308
.set CTX_CALLS, 312
.set CTX_FP, 320

.set CPU_CURRENT, 0
.set CPU_PENDING, 8
.set CPU_EMERGENCY, 16
.set CPU_CALLS, 24

.set KFRAME_SIZE, 272                      // x0-x30, elr, spsr, padding
.set PENDING_BLOCKED_BIT, 2

// A slot taken from EL1. The stack check comes before the first store: a stack is
// 32 KiB aligned to 64 KiB with 32 KiB unmapped below, so bit 15 of an address
// inside is clear and of one that ran out is set. No register is free yet: sp and
// x0 are juggled by sums.
.macro KERNEL_SLOT target
    .balign 128
    sub     sp, sp, #KFRAME_SIZE
    add     sp, sp, x0
    sub     x0, sp, x0
    tbnz    x0, #15, 1f
    sub     x0, sp, x0
    sub     sp, sp, x0
    b       \target
1:  msr     tpidrro_el0, x0                // the bad sp
    sub     x0, sp, x0
    msr     tpidr_el0, x0                  // the x0 of the interrupted code
    b       vectors_overflow
.endm

.macro USER_SLOT target
    .balign 128
    b       \target
.endm

.section .text.vectors, "ax"
.balign 2048
.global vectors_table
vectors_table:
    // Current EL with SP_EL0: never used by the kernel.
    KERNEL_SLOT vectors_el1_unexpected
    KERNEL_SLOT vectors_el1_unexpected
    KERNEL_SLOT vectors_el1_unexpected
    KERNEL_SLOT vectors_el1_unexpected
    // Current EL with SP_EL1.
    KERNEL_SLOT vectors_el1_sync
    KERNEL_SLOT vectors_el1_irq
    KERNEL_SLOT vectors_el1_unexpected
    KERNEL_SLOT vectors_el1_serror
    // EL0 in AArch64.
    USER_SLOT vectors_el0_sync
    USER_SLOT vectors_el0_irq
    USER_SLOT vectors_el0_serror
    USER_SLOT vectors_el0_serror
    // EL0 in AArch32: only reachable with a forged SPSR; the program is ended.
    USER_SLOT vectors_el0_aarch32
    USER_SLOT vectors_el0_aarch32
    USER_SLOT vectors_el0_aarch32
    USER_SLOT vectors_el0_aarch32

// ---- from the kernel itself -------------------------------------------------

// sp is already lowered by KFRAME_SIZE.
.macro KERNEL_SAVE
    stp     x0, x1, [sp]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x0, elr_el1
    mrs     x1, spsr_el1
    stp     x30, x0, [sp, #240]
    str     x1, [sp, #256]
.endm

.macro KERNEL_RESTORE
    ldr     x1, [sp, #256]
    ldp     x30, x0, [sp, #240]
    msr     elr_el1, x0
    msr     spsr_el1, x1
    ldp     x0, x1, [sp]
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    add     sp, sp, #KFRAME_SIZE
.endm

vectors_el1_sync:
    KERNEL_SAVE
    // A frame record, so that a backtrace goes on through the exception.
    mrs     x1, elr_el1
    stp     x29, x1, [sp, #-16]!
    mov     x29, sp
    add     x0, sp, #16
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      exception_el1_sync
    add     sp, sp, #16
    KERNEL_RESTORE
    eret

vectors_el1_irq:
    KERNEL_SAVE
    mrs     x1, elr_el1
    stp     x29, x1, [sp, #-16]!
    mov     x29, sp
    bl      exception_el1_irq
    add     sp, sp, #16
    KERNEL_RESTORE
    eret

vectors_el1_serror:
    KERNEL_SAVE
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      exception_serror

vectors_el1_unexpected:
    KERNEL_SAVE
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      exception_unexpected

vectors_overflow:
    mrs     x0, tpidr_el1
    ldr     x0, [x0, #CPU_EMERGENCY]
    mov     sp, x0
    sub     sp, sp, #KFRAME_SIZE
    mrs     x0, tpidr_el0
    KERNEL_SAVE
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    mrs     x3, tpidrro_el0
    bl      exception_stack_overflow

// ---- from a program ---------------------------------------------------------
// sp is the top of the running thread's kernel stack.

// Saves what a program's registers hold into the frame at x17; x16 and x17 are
// on the stack.
.macro USER_SAVE
    stp     x0, x1, [x17]
    stp     x2, x3, [x17, #16]
    stp     x4, x5, [x17, #32]
    stp     x6, x7, [x17, #48]
    stp     x8, x9, [x17, #64]
    stp     x10, x11, [x17, #80]
    stp     x12, x13, [x17, #96]
    stp     x14, x15, [x17, #112]
    ldp     x0, x1, [sp, #-16]
    stp     x0, x1, [x17, #128]
    stp     x18, x19, [x17, #144]
    stp     x20, x21, [x17, #160]
    stp     x22, x23, [x17, #176]
    stp     x24, x25, [x17, #192]
    stp     x26, x27, [x17, #208]
    stp     x28, x29, [x17, #224]
    mrs     x0, sp_el0
    stp     x30, x0, [x17, #240]
    mrs     x0, elr_el1
    mrs     x1, spsr_el1
    stp     x0, x1, [x17, #FRAME_ELR]
    mov     x29, xzr
    mov     x30, xzr
.endm

// x20-x28, which a handler keeps as any function does, into the frame at x17; x19 goes
// with the register before it.
.macro SAVE_KEPT
    stp     x20, x21, [x17, #160]
    stp     x22, x23, [x17, #176]
    stp     x24, x25, [x17, #192]
    stp     x26, x27, [x17, #208]
    str     x28, [x17, #224]
.endm

// The registers of a caller that no call returns.
.macro ZERO_LOST
    mov     x4, xzr
    mov     x5, xzr
    mov     x6, xzr
    mov     x7, xzr
    mov     x8, xzr
    mov     x9, xzr
    mov     x10, xzr
    mov     x11, xzr
    mov     x12, xzr
    mov     x13, xzr
    mov     x14, xzr
    mov     x15, xzr
    mov     x16, xzr
    mov     x17, xzr
    mov     x18, xzr
.endm

// Stores the vector registers of the context in a register. Loses x2-x4.
.macro FP_STORE context
    add     x2, \context, #CTX_FP
    stp     q0, q1, [x2], #32
    stp     q2, q3, [x2], #32
    stp     q4, q5, [x2], #32
    stp     q6, q7, [x2], #32
    stp     q8, q9, [x2], #32
    stp     q10, q11, [x2], #32
    stp     q12, q13, [x2], #32
    stp     q14, q15, [x2], #32
    stp     q16, q17, [x2], #32
    stp     q18, q19, [x2], #32
    stp     q20, q21, [x2], #32
    stp     q22, q23, [x2], #32
    stp     q24, q25, [x2], #32
    stp     q26, q27, [x2], #32
    stp     q28, q29, [x2], #32
    stp     q30, q31, [x2], #32
    mrs     x3, fpsr
    mrs     x4, fpcr
    stp     x3, x4, [x2]
.endm

// Stores the vector registers of the context in a register, and makes their next use
// trap. Loses x2-x4.
.macro FP_PUT_AWAY context
    str     wzr, [\context, #CTX_FP_LIVE]
    FP_STORE \context
    mov     x2, #(1 << 20)                 // CPACR_EL1.FPEN = 01: EL0 traps
    msr     cpacr_el1, x2
.endm

// Completes the frame at x17 of a thread that is in a system call: everything but
// x0-x3, which are results, and what the entry has saved.
.macro SYSCALL_SAVE_REST
    stp     xzr, xzr, [x17, #32]
    stp     xzr, xzr, [x17, #48]
    stp     xzr, xzr, [x17, #64]
    stp     xzr, xzr, [x17, #80]
    stp     xzr, xzr, [x17, #96]
    stp     xzr, xzr, [x17, #112]
    stp     xzr, xzr, [x17, #128]
    stp     xzr, x19, [x17, #144]
    SAVE_KEPT
.endm

vectors_el0_sync:
    stp     x16, x17, [sp, #-16]
    mrs     x17, esr_el1
    lsr     x16, x17, #26
    cmp     x16, #0x15                     // SVC from AArch64
    b.ne    vectors_el0_fault

    // A system call: x0-x18 are the caller's to lose, x19-x28 are kept by the
    // handler as for any function call. A row of the thread's table is the handler
    // itself, of a short call, or vectors_syscall_long, or vectors_syscall_direct. A
    // short call runs with interrupts masked and reaches no user memory, so that the
    // system registers keep the caller's state; its results are x0 and x1.
    mrs     x17, tpidr_el1
    ldr     x17, [x17, #CPU_CURRENT]
    ldr     x11, [x17, #CTX_CALLS]
    cmp     x8, #({rows} - 1)
    b.hs    vectors_syscall_unknown
vectors_syscall_known:
    ldr     x16, [x11, x8, lsl #3]
    stp     x29, x30, [sp, #-16]!
    blr     x16
    mrs     x17, tpidr_el1
    ldr     x11, [x17, #CPU_CALLS]
    ldr     w16, [x17, #CPU_PENDING]
    add     x11, x11, #1
    str     x11, [x17, #CPU_CALLS]
    ldp     x29, x30, [sp], #16
    cbnz    w16, vectors_short_pending
    mov     x2, xzr
    mov     x3, xzr
    ZERO_LOST
    eret

// The row behind the last one refuses.
vectors_syscall_unknown:
    mov     x8, #({rows} - 1)
    b       vectors_syscall_known

// Saves what of the caller's state is in system registers, and x29 and x30, into the
// frame at x17.
.macro SYSCALL_SAVE_STATE
    str     x29, [x17, #232]
    mrs     x13, sp_el0
    stp     x30, x13, [x17, #240]
    mrs     x14, elr_el1
    mrs     x15, spsr_el1
    stp     x14, x15, [x17, #FRAME_ELR]
.endm

// A short call that leaves work: its thread gives the CPU away, or waits.
vectors_short_pending:
    ldr     x17, [x17, #CPU_CURRENT]
    SYSCALL_SAVE_STATE
    tbnz    w16, #PENDING_BLOCKED_BIT, vectors_syscall_blocked
    stp     x0, x1, [x17]
    stp     xzr, xzr, [x17, #16]
    SYSCALL_SAVE_REST
    b       vectors_return

// The row of a call in registers, whose thread may go straight to another one. Its
// handler, in the last part of the table, runs with interrupts masked and finds the words
// on the stack; the flags of the caller are lost. It is left out for calls with a
// handle or a deadline. Called with the thread in x17 and its table in x11.
.global vectors_syscall_direct
vectors_syscall_direct:
    ldp     x29, x30, [sp], #16
    stp     x0, x1, [sp, #-64]!            // not the frame, which is for what comes back
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    str     x19, [x17, #152]
    SAVE_KEPT
    str     x29, [x17, #232]
    mrs     x13, sp_el0
    stp     x30, x13, [x17, #240]
    mrs     x14, elr_el1
    stp     x14, xzr, [x17, #FRAME_ELR]
    mov     x19, x17
    mov     x29, xzr
    cmn     x9, #1                         // no deadline
    ccmp    x7, #0, #0, eq                 // and no handle
    b.ne    vectors_direct_full
    mov     x1, x10                        // the token
    mov     x2, sp
    add     x16, x11, x8, lsl #3
    ldr     x16, [x16, #({rows} * 16)]
    blr     x16
    cbz     x0, vectors_direct_refused

    // Goes on with the thread x0, its translation x1 and the words of x19, which somebody
    // may have made ready again already: its frame is no longer looked at.
    ldr     w2, [x19, #CTX_FP_LIVE]
    cbnz    w2, vectors_direct_vector
vectors_direct_go:
    mrs     x3, tpidr_el0
    str     x3, [x19, #FRAME_TPIDR]
    ldr     x3, [x0, #FRAME_TPIDR]
    msr     tpidr_el0, x3
    msr     ttbr0_el1, x1                  // seen by the program after the eret
    mov     x17, x0
    ldr     x9, [x0, #CTX_STACK_TOP]
    add     x16, x19, #CTX_ON_CPU
    ldp     x1, x2, [sp, #8]
    ldp     x3, x4, [sp, #24]
    ldp     x5, x6, [sp, #40]
    mov     sp, x9
    stlr    wzr, [x16]
    ldp     x9, x10, [x17, #FRAME_ELR]
    msr     elr_el1, x9
    msr     spsr_el1, x10
    ldp     x30, x9, [x17, #240]
    msr     sp_el0, x9
    ldp     x9, x10, [x17, #72]            // key and token
    ldr     x19, [x17, #152]
    ldp     x20, x21, [x17, #160]
    ldp     x22, x23, [x17, #176]
    ldp     x24, x25, [x17, #192]
    ldp     x26, x27, [x17, #208]
    ldp     x28, x29, [x17, #224]
    mov     x0, xzr
    mov     x7, xzr
    mov     x8, xzr
    mov     x11, xzr
    mov     x12, xzr
    mov     x13, xzr
    mov     x14, xzr
    mov     x15, xzr
    mov     x16, xzr
    mov     x17, xzr
    mov     x18, xzr
    eret

vectors_direct_vector:
    FP_PUT_AWAY x19
    b       vectors_direct_go

// A call in registers that takes the long way, from here on with all it needs in its
// frame; after a refusal the handler has put x8-x10 there.
vectors_direct_full:
    stp     x8, x9, [x19, #64]
    str     x10, [x19, #80]
vectors_direct_refused:
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x0, x1, [sp], #64
    stp     x0, x1, [x19]
    stp     x2, x3, [x19, #16]
    stp     x4, x5, [x19, #32]
    stp     x6, x7, [x19, #48]
    ldr     x8, [x19, #64]
    ldr     x11, [x19, #CTX_CALLS]
    add     x16, x11, x8, lsl #3
    ldr     x16, [x16, #({rows} * 8)]
    str     xzr, [x19, #88]
    stp     xzr, xzr, [x19, #96]
    stp     xzr, xzr, [x19, #112]
    stp     xzr, xzr, [x19, #128]
    str     xzr, [x19, #144]
    mrs     x17, tpidr_el1
    ldr     x12, [x17, #CPU_CALLS]
    add     x12, x12, #1
    str     x12, [x17, #CPU_CALLS]
    mov     x30, xzr
    blr     x16
    b       vectors_return

// The row of a call that is tried the short way first, with copies from and to its program
// as far as pages are present. A copy that is not takes a fault, which loses the system
// registers with the caller's state. The handler is in the last part of the table; what it
// refuses takes the long way. Called as vectors_syscall_long.
.global vectors_syscall_try
vectors_syscall_try:
    stp     x0, x1, [sp, #-80]!
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x8, x30, [sp, #48]
    mrs     x9, elr_el1
    mrs     x10, spsr_el1
    stp     x9, x10, [sp, #64]
    add     x16, x11, x8, lsl #3
    ldr     x16, [x16, #({rows} * 24)]
    blr     x16
    ldp     x9, x10, [sp, #64]
    msr     elr_el1, x9
    msr     spsr_el1, x10
    ldp     x8, x30, [sp, #48]
    cmn     x0, #1
    b.eq    vectors_try_refused
    add     sp, sp, #80
    ret
vectors_try_refused:
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x0, x1, [sp], #80
    mrs     x17, tpidr_el1
    ldr     x17, [x17, #CPU_CURRENT]
    ldr     x11, [x17, #CTX_CALLS]
    b       vectors_syscall_long

// The row of every call that is not short: its handler is in the second half of the
// table. Called with the caller's x29 and x30 on the stack, the thread in x17 and its
// table in x11.
.global vectors_syscall_long
vectors_syscall_long:
    ldp     x29, x30, [sp], #16
    add     x16, x11, x8, lsl #3
    ldr     x16, [x16, #({rows} * 8)]
    SYSCALL_SAVE_STATE
    // The rest of what the caller keeps, for a handler that copies the thread.
    str     x19, [x17, #152]
    SAVE_KEPT
    stp     xzr, xzr, [x17, #8]            // results x1-x3
    str     xzr, [x17, #24]
    mov     x29, xzr
    blr     x16

    mrs     x17, tpidr_el1
    ldr     x11, [x17, #CPU_CALLS]
    ldr     w16, [x17, #CPU_PENDING]
    add     x11, x11, #1
    str     x11, [x17, #CPU_CALLS]
    ldr     x17, [x17, #CPU_CURRENT]
    cbnz    w16, vectors_syscall_pending
    ldp     x1, x2, [x17, #FRAME_ELR]
    msr     elr_el1, x1
    msr     spsr_el1, x2
    ldp     x30, x1, [x17, #240]
    msr     sp_el0, x1
    ldr     x29, [x17, #232]
    ldp     x1, x2, [x17, #8]
    ldr     x3, [x17, #24]
    ZERO_LOST
    eret

vectors_syscall_blocked:
    SYSCALL_SAVE_REST
    ldr     x16, [x17, #CTX_CALLS]
    ldr     x16, [x16, #({rows} * 32)]
    mov     x29, xzr
    blr     x16

vectors_syscall_pending:
    tbnz    w16, #PENDING_BLOCKED_BIT, vectors_syscall_blocked
    str     x0, [x17]
    SYSCALL_SAVE_REST
    b       vectors_return

vectors_el0_fault:
    mrs     x17, tpidr_el1
    ldr     x17, [x17, #CPU_CURRENT]
    USER_SAVE
    mrs     x0, esr_el1
    mrs     x1, far_el1
    bl      exception_el0_sync
    b       vectors_return

vectors_el0_irq:
    stp     x16, x17, [sp, #-16]
    mrs     x17, tpidr_el1
    ldr     x17, [x17, #CPU_CURRENT]
    USER_SAVE
    bl      exception_el0_irq
    b       vectors_return

vectors_el0_serror:
    stp     x16, x17, [sp, #-16]
    mrs     x17, tpidr_el1
    ldr     x17, [x17, #CPU_CURRENT]
    USER_SAVE
    mrs     x0, tpidr_el1
    ldr     x0, [x0, #CPU_CURRENT]
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      exception_el0_serror

vectors_el0_aarch32:
    stp     x16, x17, [sp, #-16]
    mrs     x17, tpidr_el1
    ldr     x17, [x17, #CPU_CURRENT]
    USER_SAVE
    bl      exception_el0_aarch32
    b       vectors_return

// Back to the program whose whole state is in the frame of the current thread.
// Interrupts are masked from here to the eret.
.global vectors_return
vectors_return:
    mrs     x0, tpidr_el1
    ldr     w1, [x0, #CPU_PENDING]
    cbz     w1, 1f
    bl      exception_user_work
    b       vectors_return
1:  ldr     x17, [x0, #CPU_CURRENT]
    ldp     x0, x1, [x17, #FRAME_ELR]
    msr     elr_el1, x0
    msr     spsr_el1, x1
    ldp     x30, x0, [x17, #240]
    msr     sp_el0, x0
    ldp     x0, x1, [x17]
    ldp     x2, x3, [x17, #16]
    ldp     x4, x5, [x17, #32]
    ldp     x6, x7, [x17, #48]
    ldp     x8, x9, [x17, #64]
    ldp     x10, x11, [x17, #80]
    ldp     x12, x13, [x17, #96]
    ldp     x14, x15, [x17, #112]
    ldp     x18, x19, [x17, #144]
    ldp     x20, x21, [x17, #160]
    ldp     x22, x23, [x17, #176]
    ldp     x24, x25, [x17, #192]
    ldp     x26, x27, [x17, #208]
    ldp     x28, x29, [x17, #224]
    ldp     x16, x17, [x17, #128]
    eret

// ---- switching between threads ----------------------------------------------

// context_switch(prev: x0, next: x1): keeps the caller's frames on its stack.
.global context_switch
context_switch:
    stp     x19, x20, [sp, #-96]!
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    mov     x2, sp
    str     x2, [x0, #CTX_KERNEL_SP]

// context_leave(prev: x0, next: x1): the previous thread keeps no frames here.
.global context_leave
context_leave:
    ldr     w2, [x0, #CTX_FP_LIVE]
    cbz     w2, 1f
    FP_PUT_AWAY x0
1:  mrs     x3, tpidr_el0
    str     x3, [x0, #FRAME_TPIDR]
    ldr     x3, [x1, #FRAME_TPIDR]
    msr     tpidr_el0, x3
    ldr     x3, [x1, #CTX_TTBR0]
    msr     ttbr0_el1, x3
    isb
    add     x4, x0, #CTX_ON_CPU
    ldr     x5, [x1, #CTX_KERNEL_SP]
    cbz     x5, 2f
    str     xzr, [x1, #CTX_KERNEL_SP]
    mov     sp, x5
    stlr    wzr, [x4]                      // prev may run elsewhere from here on
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     x19, x20, [sp], #96
    ret
2:  ldr     x5, [x1, #CTX_STACK_TOP]
    mov     sp, x5
    stlr    wzr, [x4]
    b       vectors_return

// context_resume(current: x0): back to the program without a switch.
.global context_resume
context_resume:
    ldr     x1, [x0, #CTX_STACK_TOP]
    mov     sp, x1
    b       vectors_return

// First instructions of a kernel thread: x19 = entry, x20 = argument.
.global context_kernel_start
context_kernel_start:
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x20
    msr     daifclr, #0xf
    blr     x19
    brk     #1

// fp_save(context: x0): copies the registers, which stay the thread's.
.global fp_save
fp_save:
    FP_STORE x0
    ret

// fp_load(context: x0): puts the thread's vector state into the registers.
.global fp_load
fp_load:
    mov     x2, #(3 << 20)
    msr     cpacr_el1, x2
    isb
    add     x2, x0, #CTX_FP
    ldp     q0, q1, [x2], #32
    ldp     q2, q3, [x2], #32
    ldp     q4, q5, [x2], #32
    ldp     q6, q7, [x2], #32
    ldp     q8, q9, [x2], #32
    ldp     q10, q11, [x2], #32
    ldp     q12, q13, [x2], #32
    ldp     q14, q15, [x2], #32
    ldp     q16, q17, [x2], #32
    ldp     q18, q19, [x2], #32
    ldp     q20, q21, [x2], #32
    ldp     q22, q23, [x2], #32
    ldp     q24, q25, [x2], #32
    ldp     q26, q27, [x2], #32
    ldp     q28, q29, [x2], #32
    ldp     q30, q31, [x2], #32
    ldp     x3, x4, [x2]
    msr     fpsr, x3
    msr     fpcr, x4
    mov     w3, #1
    str     w3, [x0, #CTX_FP_LIVE]
    ret
