//! Running a model under loom or shuttle.

use core::cell::Cell;
use core::hash::{Hash, Hasher};

use super::cpu;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};

use super::std::hash::DefaultHasher;
use super::std::{self, boxed::Box, string::String, sync::Arc, thread_local};

/// Who chooses the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Nobody: this is no model.
    None,
    /// All schedules and memory orders.
    Loom,
    /// Random schedules.
    Shuttle,
}

thread_local! {
    static BACKEND: Cell<Backend> = const { Cell::new(Backend::None) };
    static EXECUTION: Cell<u64> = const { Cell::new(0) };
}

/// Who chooses the schedule on this thread of the host.
pub fn backend() -> Backend {
    BACKEND.get()
}

/// The number of the schedule that is being tried; 0 before the first.
pub fn execution() -> u64 {
    EXECUTION.get()
}

fn begin() {
    EXECUTION.set(EXECUTION.get().wrapping_add(1));
    if backend() == Backend::Loom {
        super::atomic::STOCK.with(|stock| stock.fill(|| loom::sync::atomic::AtomicU64::new(0)));
        super::cell::STOCK.with(|stock| stock.fill(|| loom::cell::UnsafeCell::new(())));
    }
    cpu::reset();
    super::baton::reset();
}

/// A point where the schedule may change; loom's are in its own atomics.
pub fn point() {
    if backend() == Backend::Shuttle {
        let place = shuttle::sync::atomic::AtomicBool::new(false);
        place.load(core::sync::atomic::Ordering::SeqCst);
    }
}

/// This CPU waits for another: the others go first.
pub fn give_way() {
    match backend() {
        Backend::None => std::thread::yield_now(),
        Backend::Loom => loom::thread::yield_now(),
        Backend::Shuttle => shuttle::thread::yield_now(),
    }
}

/// A number for the model's thread that runs.
pub fn task() -> u64 {
    let mut hasher = DefaultHasher::new();
    match backend() {
        Backend::None => return 0,
        Backend::Loom => loom::thread::current().id().hash(&mut hasher),
        Backend::Shuttle => shuttle::thread::current().id().hash(&mut hasher),
    }
    hasher.finish()
}

/// Points of change in a schedule that keeps to one thread else.
const CHANGES: usize = 4;

/// So many times more schedules are tried where a mistake is to be found.
const LONGER: usize = 20;

/// How far a model is explored.
#[derive(Clone, Copy, Debug)]
pub enum Explorer {
    /// Every schedule with at most so many preemptions.
    Exhaustive {
        /// Preemptions.
        preemptions: usize,
    },
    /// So many random schedules.
    Random {
        /// Schedules.
        schedules: usize,
    },
}

impl Explorer {
    /// Tries `model` with every schedule; the first thread is CPU 0.
    ///
    /// # Panics
    /// Where a schedule fails.
    pub fn explore(self, model: impl Fn() + Send + Sync + 'static) {
        match self {
            Explorer::Exhaustive { preemptions } => {
                BACKEND.set(Backend::Loom);
                let mut builder = loom::model::Builder::new();
                builder.preemption_bound = Some(preemptions);
                builder.max_branches = 20_000;
                builder.check(move || {
                    begin();
                    cpu::begin_on(0);
                    model();
                });
            }
            Explorer::Random { schedules } => {
                BACKEND.set(Backend::Shuttle);
                let mut config = shuttle::Config::new();
                config.stack_size = 0x4_0000;
                config.max_steps = shuttle::MaxSteps::FailAfter(20_000);
                let seed = std::env::var("VIPEROS_TEST_SEED")
                    .ok()
                    .and_then(|seed: String| seed.parse().ok())
                    .unwrap_or(1);
                // A mistake is looked for longer, and in the same schedules every time.
                let (seed, schedules) = if super::plant::is_chosen() {
                    (1, schedules.saturating_mul(LONGER))
                } else {
                    (seed, schedules)
                };
                // At every point somebody, or the same one until few points of change.
                let random = RandomScheduler::new_from_seed(seed, schedules.div_ceil(2));
                let changes = PctScheduler::new_from_seed(seed, CHANGES, schedules.div_ceil(2));
                let model = Arc::new(model);
                let schedulers: [Box<dyn Scheduler + Send>; 2] =
                    [Box::new(random), Box::new(changes)];
                for scheduler in schedulers {
                    let model = model.clone();
                    shuttle::Runner::new(scheduler, config.clone()).run(move || {
                        begin();
                        cpu::begin_on(0);
                        model();
                    });
                }
            }
        }
        std::println!("{} schedules", execution());
        BACKEND.set(Backend::None);
    }
}

/// A CPU of the model that runs something.
#[derive(Debug)]
pub enum SpawnedCpu {
    /// A thread of loom.
    Loom(loom::thread::JoinHandle<()>),
    /// A thread of shuttle.
    Shuttle(shuttle::thread::JoinHandle<()>),
}

impl SpawnedCpu {
    /// Waits until the CPU is done.
    ///
    /// # Panics
    /// Where it failed.
    pub fn join(self) {
        match self {
            SpawnedCpu::Loom(handle) => handle.join().expect("the CPU did not fail"),
            SpawnedCpu::Shuttle(handle) => handle.join().expect("the CPU did not fail"),
        }
    }
}

/// Lets CPU `number` do `work`, interrupts unmasked.
pub fn spawn_cpu(number: usize, work: impl FnOnce() + 'static) -> SpawnedCpu {
    /// Moves to a thread of the model, which is no thread of the host.
    struct Moved<F>(F);
    // SAFETY: all threads of a model are one thread of the host.
    unsafe impl<F> Send for Moved<F> {}
    impl<F: FnOnce()> Moved<F> {
        fn run(self, number: usize) {
            cpu::begin_on(number);
            (self.0)();
        }
    }
    let moved = Moved(work);
    match backend() {
        Backend::Shuttle => SpawnedCpu::Shuttle(shuttle::thread::spawn(move || moved.run(number))),
        _ => SpawnedCpu::Loom(loom::thread::spawn(move || moved.run(number))),
    }
}
