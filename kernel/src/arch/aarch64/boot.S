// From the boot protocol to Rust: Image header, drop to EL1, first page tables,
// MMU on, self-relocation. Linux boot protocol: Documentation/arch/arm64/booting.
//
// The image runs first where it was linked. It then chooses another address, is mapped
// there too, relocated once more and goes on there; the final tables know that place only.
//
// Register use on the boot path: x19 = exception level at entry, x20 = device
// tree (physical), x21 = image (physical), x23 = address of the image minus the one it
// was linked for, its slide.

.set PHYS_MAP_L0_INDEX, 256              // 0xffff_8000_0000_0000
.set IMAGE_L0_INDEX, 511              // 0xffff_ffff_8000_0000
.set IMAGE_L1_INDEX, 510
.set IMAGE_L2_BLOCKS, 16               // 32 MiB is room enough for the image

.set BLOCK_NORMAL, 0x701            // block, AttrIndx 0, inner shareable, AF
.set BLOCK_UXN_HIGH, 0x40             // UXN, bits 63:48
.set TABLE, 0x3

// Maps the image, which is at x21, by the entries from x5 on; x7 = BLOCK_NORMAL.
// Loses x5-x8.
.macro IMAGE_BLOCKS
    movk    x7, #BLOCK_UXN_HIGH, lsl #48
    orr     x6, x21, x7
    mov     x8, #IMAGE_L2_BLOCKS
1:  str     x6, [x5], #8
    add     x6, x6, #(1 << 21)
    subs    x8, x8, #1
    b.ne    1b
.endm

.section .text.boot, "ax"
.global _start
_start:
    b       boot_primary                   // code0
    .long   0                              // code1
    .quad   0                              // text_offset
    .quad   __image_bytes                  // image_size, bss included
    .quad   0xa                            // flags: little endian, 4 KiB pages, anywhere
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"                      // magic
    .long   0

boot_primary:
    msr     daifset, #0xf
    mov     x20, x0
    bl      boot_to_el1
    adrp    x21, __image_start

    // Zero .bss: 64 bytes a turn, its ends are page aligned.
    adrp    x0, __bss_start
    adrp    x1, __bss_end
boot_zero:
    stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    cmp     x0, x1
    b.lo    boot_zero

    bl      boot_tables
    adrp    x0, boot_l0_high
    movz    x3, #0x8000, lsl #16           // the address it was linked for
    movk    x3, #0xffff, lsl #32
    movk    x3, #0xffff, lsl #48
    bl      boot_mmu_on
    mov     x23, xzr
    bl      boot_relocate
    bl      boot_environment
    mov     x0, x20
    mov     x1, x21
    mov     x2, x19
    mov     x29, xzr
    bl      kernel_choose_slide
    cbz     x0, boot_enter
    mov     x23, x0
    bl      boot_map_again
    bl      boot_relocate
    adr     x0, boot_slid
    add     x0, x0, x23
    br      x0
boot_slid:
    bl      boot_environment
boot_enter:
    mov     x0, x20
    mov     x1, x21
    mov     x2, x19
    mov     x29, xzr
    mov     x30, xzr
    bl      kernel_entry
boot_hang:
    wfi
    b       boot_hang

// Applies the R_AARCH64_RELATIVE relocations: *(offset + slide) = addend + slide.
boot_relocate:
    adrp    x0, __rela_start
    add     x0, x0, :lo12:__rela_start
    adrp    x1, __rela_end
    add     x1, x1, :lo12:__rela_end
boot_relocate_next:
    cmp     x0, x1
    b.hs    boot_relocated
    ldp     x2, x3, [x0]
    ldr     x4, [x0, #16]
    add     x0, x0, #24
    cmp     w3, #1027
    b.ne    boot_relocate_next
    add     x4, x4, x23
    str     x4, [x2, x23]
    b       boot_relocate_next
boot_relocated:
    ret

// Sets what Rust needs, each at the address that the code runs at. Clobbers x0.
boot_environment:
    adrp    x0, boot_stack_top
    add     x0, x0, :lo12:boot_stack_top
    mov     sp, x0
    adrp    x0, vectors_table
    add     x0, x0, :lo12:vectors_table
    msr     vbar_el1, x0
    adrp    x0, boot_cpu_local
    add     x0, x0, :lo12:boot_cpu_local
    msr     tpidr_el1, x0
    isb
    ret

// Maps the image at its address plus x23, which is 2 MiB aligned, in the same 512 GiB, in
// another GiB, and has room for the image before that ends. Clobbers x0-x8.
boot_map_again:
    adrp    x0, __image_start
    add     x1, x0, x23
    ubfx    x2, x1, #30, #9
    ubfx    x3, x1, #21, #9
    adrp    x4, boot_l1_image
    adrp    x5, boot_l2_slid
    sub     x6, x5, x0
    add     x6, x6, x21                    // its physical address
    orr     x6, x6, #TABLE
    str     x6, [x4, x2, lsl #3]
    add     x5, x5, x3, lsl #3
    mov     x7, #BLOCK_NORMAL
    IMAGE_BLOCKS
    dsb     ishst
    isb
    ret

// Started by PSCI CPU_ON; x0 = physical address of {ttbr1, stack, cpu_local, entry, image}.
.global boot_secondary
boot_secondary:
    msr     daifset, #0xf
    mov     x20, x0
    bl      boot_to_el1
    adrp    x21, __image_start
    ldp     x24, x25, [x20]
    ldp     x26, x27, [x20, #16]
    ldr     x3, [x20, #32]
    mov     x0, x24
    bl      boot_mmu_on
    mov     sp, x25
    msr     tpidr_el1, x26
    adrp    x0, vectors_table
    add     x0, x0, :lo12:vectors_table
    msr     vbar_el1, x0
    isb
    mov     x29, xzr
    mov     x30, xzr
    blr     x27
    b       boot_hang

// Leaves EL2 for EL1 when entered there; x19 = the level entered at.
boot_to_el1:
    mrs     x19, CurrentEL
    lsr     x19, x19, #2
    cmp     x19, #2
    b.ne    boot_el1_ready
    mov     x0, #(1 << 31)                 // HCR_EL2.RW: EL1 is AArch64
    msr     hcr_el2, x0
    mov     x0, #3                         // EL1 may use the counter and the physical timer
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, #0x33ff                    // no traps of FP and SIMD to EL2
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mrs     x1, id_aa64dfr0_el1            // PMCR.N counters for EL1 where there is a PMU
    ubfx    x1, x1, #8, #4
    mov     x0, xzr
    cbz     x1, 1f
    mrs     x0, pmcr_el0
    ubfx    x0, x0, #11, #5
1:  msr     mdcr_el2, x0
    mrs     x0, id_aa64pfr0_el1            // GIC system registers, where they exist
    ubfx    x0, x0, #24, #4
    cbz     x0, 2f
    mrs     x0, S3_4_C12_C9_5              // ICC_SRE_EL2
    mov     x1, #0x9                       // SRE, Enable
    orr     x0, x0, x1
    msr     S3_4_C12_C9_5, x0
    isb
    msr     S3_4_C12_C11_0, xzr            // ICH_HCR_EL2
2:  movz    x0, #0x0800                    // SCTLR_EL1 with its RES1 bits only
    movk    x0, #0x30d0, lsl #16
    msr     sctlr_el1, x0
    mov     x0, #0x3c5                     // EL1h, DAIF masked
    msr     spsr_el2, x0
    msr     elr_el2, x30
    eret
boot_el1_ready:
    ret

// Fills the boot tables: the GiB of the image and of the device tree in the
// identity map and the physical map, and the image at its own address.
boot_tables:
    adrp    x0, boot_l0_low
    adrp    x1, boot_l1_low
    adrp    x2, boot_l0_high
    adrp    x3, boot_l1_phys
    adrp    x4, boot_l1_image
    adrp    x5, boot_l2_image
    orr     x6, x1, #TABLE
    str     x6, [x0]
    orr     x6, x3, #TABLE
    str     x6, [x2, #(PHYS_MAP_L0_INDEX * 8)]
    orr     x6, x4, #TABLE
    str     x6, [x2, #(IMAGE_L0_INDEX * 8)]
    orr     x6, x5, #TABLE
    str     x6, [x4, #(IMAGE_L1_INDEX * 8)]

    mov     x7, #BLOCK_NORMAL
    lsr     x8, x21, #30
    lsl     x9, x8, #30
    orr     x9, x9, x7
    str     x9, [x1, x8, lsl #3]
    movk    x9, #0x60, lsl #48             // UXN and PXN: data only
    str     x9, [x3, x8, lsl #3]
    lsr     x8, x20, #30
    lsl     x9, x8, #30
    orr     x9, x9, x7
    movk    x9, #0x60, lsl #48
    str     x9, [x3, x8, lsl #3]

    IMAGE_BLOCKS
    dsb     sy
    ret

// Turns the MMU on with the TTBR1 table at x0 and returns to its caller in the image at
// x3. Needs x21; clobbers x0-x8.
boot_mmu_on:
    mov     x8, x3
    adrp    x1, boot_l0_low
    msr     ttbr0_el1, x1
    msr     ttbr1_el1, x0
    mov     x2, #0x04ff                    // MAIR: 0 normal write-back, 1 device nGnRE,
    movk    x2, #0x0044, lsl #16           //       2 normal non-cacheable
    msr     mair_el1, x2
    mrs     x3, id_aa64mmfr0_el1
    and     x3, x3, #0xf                   // PARange
    cmp     x3, #5
    mov     x4, #5
    csel    x3, x3, x4, lo
    movz    x2, #0x3510                    // T0SZ 16, inner/outer WBWA, inner shareable, 4 KiB
    movk    x2, #0xb510, lsl #16           // the same for TTBR1
    movk    x2, #0x0010, lsl #32           // AS: 16-bit ASIDs
    orr     x2, x2, x3, lsl #32            // IPS
    msr     tcr_el1, x2
    tlbi    vmalle1
    dsb     nsh
    isb
    // SCTLR_EL1 (ARM ARM D17.2.118): M C SA SA0 I, DZE, UCT, UCI; WFI and WFE of
    // EL0 are trapped; WXN is set once the final tables stand.
    movz    x2, #0xd81d
    movk    x2, #0x34d0, lsl #16
    msr     sctlr_el1, x2
    isb
    sub     x4, x30, x21                   // from the image's start
    add     x30, x8, x4
    ret

.section .bss
.balign 4096
.global boot_l1_phys
boot_l0_low:    .skip 4096
boot_l1_low:    .skip 4096
boot_l0_high:   .skip 4096
boot_l1_phys:
    .skip 4096
boot_l1_image:  .skip 4096
boot_l2_image:  .skip 4096
boot_l2_slid:   .skip 4096
.balign 65536
boot_stack:     .skip 32768
boot_stack_top:
