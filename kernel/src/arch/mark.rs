//! Places for the breakpoints of measuring tools.

/// Called each time a program begins to wait for input after output was written: the
/// moment a prompt is there. Its name in the symbol table is what the tools look for.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn terminal_idle_mark() {
    core::hint::black_box(());
}
