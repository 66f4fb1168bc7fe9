//! On which CPU a ready thread runs: choosing, stealing, telling.
//!
//! A thread that becomes ready goes to a CPU; one that is ready is taken by a CPU. Nothing
//! of this looks into another CPU's queue before it has seen in that CPU's *view*, three
//! words anybody may read, that it is worth while.

use crate::arch::{self, PENDING_RESCHEDULE};
use crate::limits::CPUS_MAX;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Ref, planted, sched_point};

use super::cpu::{IDLE, queue, running_mask};
use super::run_queue::{Arrival, RunQueue};
use super::thread::Thread;
use super::timer;
use super::urgency::Urgency;

/// What the others may know of a CPU without its lock; may be a little old.
#[derive(Debug)]
#[repr(align(64))]
struct View {
    /// Urgency of the turn under way.
    running: AtomicU32,
    /// Urgency of the real-time thread that waits first.
    waiting: AtomicU32,
    /// Weight of the fair threads there.
    load: AtomicU64,
    /// Whether nobody is ready.
    empty: AtomicBool,
    /// CPU to take a fair thread from, and one; 0: none.
    take_from: AtomicU32,
}

static VIEWS: [View; CPUS_MAX] = [const {
    View {
        running: AtomicU32::new(0),
        waiting: AtomicU32::new(0),
        load: AtomicU64::new(0),
        empty: AtomicBool::new(true),
        take_from: AtomicU32::new(0),
    }
}; CPUS_MAX];

/// Bit set: the CPU has a real-time thread that waits, or one that has to leave.
static OFFERS: AtomicU32 = AtomicU32::new(0);

/// What a CPU is to be told of a thread that was added to its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Nothing: it comes by.
    Nothing,
    /// To give way: the thread goes before the turn under way.
    Preempts,
    /// To look when its turn ends.
    Look,
    /// The thread may not run there; some other CPU is to take it.
    Leaves,
}

fn view(cpu: usize) -> &'static View {
    VIEWS.get(cpu).unwrap_or(&VIEWS[0])
}

/// Writes what the others may know.
#[inline]
pub(super) fn show(cpu: usize, queue: &RunQueue<Thread>) {
    let view = view(cpu);
    view.running
        .store(queue.turn_urgency().code(), Ordering::Relaxed);
    view.waiting.store(queue.top().code(), Ordering::Relaxed);
    view.load.store(queue.load(), Ordering::Relaxed);
    view.empty.store(queue.is_empty(), Ordering::Relaxed);
}

/// Whether nobody is ready at this CPU. Interrupts are masked; somebody may come from
/// another CPU at any time.
#[inline]
pub(super) fn is_queue_empty(me: usize) -> bool {
    view(me).empty.load(Ordering::Relaxed)
}

/// Whether nobody is ready at this CPU, and its turn is as urgent as `urgency`.
#[inline]
pub(super) fn nobody_waits(me: usize, urgency: Urgency) -> bool {
    is_queue_empty(me) && running_urgency(me) == urgency
}

/// Says whether there is something at a CPU for others to take at once.
pub(super) fn offer(cpu: usize, offers: bool) {
    if offers {
        OFFERS.fetch_or(1 << cpu, Ordering::AcqRel);
    } else {
        OFFERS.fetch_and(!(1 << cpu), Ordering::AcqRel);
    }
}

fn running_urgency(cpu: usize) -> Urgency {
    Urgency::from_code(view(cpu).running.load(Ordering::Relaxed))
}

fn waiting_urgency(cpu: usize) -> Urgency {
    Urgency::from_code(view(cpu).waiting.load(Ordering::Relaxed))
}

fn load(cpu: usize) -> u64 {
    view(cpu).load.load(Ordering::Relaxed)
}

/// The CPUs of a mask.
fn members(mask: u32) -> impl Iterator<Item = usize> {
    (0..CPUS_MAX).filter(move |cpu| mask & (1 << cpu) != 0)
}

/// The CPUs of a mask, from the one after `me` on, round the circle.
fn round_from(me: usize, mask: u32) -> impl Iterator<Item = usize> {
    (1..=CPUS_MAX)
        .map(move |distance| me.wrapping_add(distance) % CPUS_MAX)
        .filter(move |cpu| mask & (1 << cpu) != 0)
}

/// A CPU for a thread that has been nowhere.
pub(super) fn for_new_thread() -> usize {
    let running = running_mask();
    let idle = IDLE.load(Ordering::Relaxed) & running;
    if idle != 0 {
        return idle.trailing_zeros() as usize;
    }
    members(running).min_by_key(|cpu| load(*cpu)).unwrap_or(0)
}

/// The CPU for a thread that becomes ready, whose home is locked: its home if that is idle,
/// another idle one, for a real-time thread one with something less urgent; else its home,
/// or where there is least to do.
#[inline]
pub(super) fn for_thread(thread: &Thread, home: usize) -> usize {
    let running = running_mask();
    // One that still comes off a CPU can be in no other's queue.
    if running.is_power_of_two() || thread.context.is_on_cpu() {
        return home;
    }
    choose(thread, home, running)
}

fn choose(thread: &Thread, home: usize, running: u32) -> usize {
    let allowed = thread.entity.affinity() & running;
    let idle = IDLE.load(Ordering::Acquire) & allowed;
    if idle != 0 {
        let at_home = idle & (1 << home) != 0;
        let cpu = if at_home {
            home
        } else {
            idle.trailing_zeros() as usize
        };
        // No longer idle: the next thread that becomes ready looks for another.
        IDLE.fetch_and(!(1 << cpu), Ordering::AcqRel);
        return cpu;
    }
    let home_fits = allowed & (1 << home) != 0;
    let urgency = thread.entity.urgency();
    if urgency.is_real_time() && !(home_fits && running_urgency(home) < urgency) {
        let least = members(allowed).min_by_key(|cpu| running_urgency(*cpu));
        if let Some(cpu) = least.filter(|cpu| running_urgency(*cpu) < urgency) {
            return cpu;
        }
    }
    if home_fits {
        return home;
    }
    members(allowed)
        .min_by_key(|cpu| load(*cpu))
        .unwrap_or(home)
}

/// Tells a CPU of a thread with this affinity, which was added to its queue. Interrupts are
/// masked, no lock is held.
#[inline]
pub(super) fn tell(cpu: usize, notice: Notice, affinity: u32) {
    let me = arch::cpu_id();
    sched_point!();
    if IDLE.load(Ordering::Acquire) & (1 << cpu) == 0 {
        match notice {
            Notice::Nothing => return,
            // The alarm is set when the CPU has changed hands.
            Notice::Preempts if cpu == me => return arch::raise_pending(PENDING_RESCHEDULE),
            Notice::Preempts | Notice::Look => {}
            Notice::Leaves => return send_away(affinity),
        }
    } else if notice == Notice::Leaves {
        return send_away(affinity);
    } else if cpu == me {
        return arch::raise_pending(PENDING_RESCHEDULE);
    }
    if cpu == me {
        timer::program();
    } else {
        arch::send_ipi(cpu);
    }
}

/// Makes a CPU take a thread with this affinity, which may not run where it is.
pub(super) fn send_away(affinity: u32) {
    let allowed = affinity & running_mask();
    let idle = IDLE.load(Ordering::Acquire) & allowed;
    let target = if idle == 0 {
        members(allowed).min_by_key(|cpu| running_urgency(*cpu))
    } else {
        Some(idle.trailing_zeros() as usize)
    };
    match target {
        Some(cpu) if cpu == arch::cpu_id() => arch::raise_pending(PENDING_RESCHEDULE),
        Some(cpu) => arch::send_ipi(cpu),
        None => {}
    }
}

/// Makes a CPU with something less urgent look, for a real-time thread that has to wait.
pub(super) fn send_on(thread: &Thread, me: usize) {
    let others = thread.entity.affinity() & running_mask() & !(1 << me);
    let urgency = thread.entity.urgency();
    let least = members(others).min_by_key(|cpu| running_urgency(*cpu));
    if let Some(cpu) = least.filter(|cpu| running_urgency(*cpu) < urgency) {
        arch::send_ipi(cpu);
    }
}

/// Whether another CPU has something for this one.
#[inline]
pub(super) fn has_offers(me: usize) -> bool {
    OFFERS.load(Ordering::Acquire) & !(1 << me) != 0
}

/// Takes what other CPUs have for this one into its queue: threads that have to leave
/// there, and real-time threads more urgent than `floor`. No lock is held.
#[cold]
pub(super) fn fetch(me: usize, floor: Urgency) {
    let floor = floor.max(waiting_urgency(me));
    for cpu in round_from(me, OFFERS.load(Ordering::Acquire) & !(1 << me)) {
        while let Some(thread) = take_offer(cpu, me, floor) {
            let mut queue = queue(me).lock_masked();
            queue.admit(me, thread, Arrival::Woken);
        }
    }
}

fn take_offer(cpu: usize, me: usize, floor: Urgency) -> Option<Ref<Thread>> {
    loop {
        let mut queue = queue(cpu).lock_masked();
        let found = queue.run.pop_for(me, floor, false);
        if let Some(thread) = &found {
            thread.set_home(me);
            queue.show(cpu);
        } else if queue.run.is_sending_to(me) {
            // It is about to leave its stack, for which nobody waits with a lock.
            drop(queue);
            arch::spin_hint();
            continue;
        }
        return found;
    }
}

/// A thread for this CPU, taken from another's queue. This CPU's queue is locked.
#[inline]
pub(super) fn steal_for(me: usize) -> Option<Ref<Thread>> {
    let others = running_mask() & !(1 << me);
    if others == 0 {
        return None;
    }
    steal_from(others, me)
}

fn steal_from(others: u32, me: usize) -> Option<Ref<Thread>> {
    round_from(me, others).find_map(|cpu| {
        // Another CPU may hold its own queue and want this one: nobody waits here.
        let mut queue = queue(cpu).try_lock()?;
        let thread = queue.run.pop_for(me, Urgency::IDLE, true)?;
        thread.set_home(me);
        queue.show(cpu);
        Some(thread)
    })
}

/// At the end of a turn, with others waiting here: has a CPU with less to do take one of
/// them, so that none waits for long while others do not have to. With as many threads as
/// make it uneven anyhow, the surplus goes round.
pub(super) fn balance(me: usize, weight: u64) {
    let mine = load(me);
    let less = |cpu: &usize| load(*cpu).saturating_add(weight) <= mine;
    let others = running_mask() & !(1 << me);
    if let Some(cpu) = round_from(me, others).find(less) {
        let from = super::cpu::cpu_number(me).saturating_add(1);
        view(cpu).take_from.store(from, Ordering::Relaxed);
        arch::send_ipi(cpu);
    }
}

/// Takes the fair thread that another CPU wants this one to have. No lock is held.
pub(super) fn take_share(me: usize) {
    let from = view(me).take_from.swap(0, Ordering::Relaxed);
    let Some(from) = (from as usize).checked_sub(1).filter(|cpu| *cpu != me) else {
        return;
    };
    let thread = {
        let _own = planted("lock-order").then(|| queue(me).lock_masked());
        let mut queue = queue(from).lock_masked();
        let thread = queue.run.pop_for(me, Urgency::IDLE, true);
        if let Some(thread) = &thread {
            thread.set_home(me);
            queue.show(from);
        }
        thread
    };
    if let Some(thread) = thread {
        queue(me).lock_masked().admit(me, thread, Arrival::Woken);
    }
}
