//! Simulations of one CPU's queue: shares, order, affinity, budgets.

use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::sched::entity::Entity;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{HeapLink, HeapLinked, Link, Linked};

static CLOCKS: Clocks = Clocks::new();

/// 1,000 ticks in a ms.
const TURNS: Turns = Turns {
    least: 1_000,
    most: 10_000,
};

struct Task {
    number: usize,
    link: Link<Task>,
    heap_link: HeapLink<Task>,
    entity: Entity,
    budget: Option<Ref<Budget>>,
    on_cpu: AtomicBool,
}

impl Linked for Task {
    fn link(&self) -> &Link<Task> {
        &self.link
    }
}

impl HeapLinked for Task {
    fn heap_link(&self) -> &HeapLink<Task> {
        &self.heap_link
    }
}

impl Schedulable for Task {
    fn entity(&self) -> &Entity {
        &self.entity
    }

    fn budget(&self) -> Option<Ref<Budget>> {
        self.budget.clone()
    }

    fn is_on_cpu(&self) -> bool {
        self.on_cpu.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Task {}", self.number)
    }
}

fn task(number: usize, urgency: Urgency, budget: Option<Ref<Budget>>) -> Ref<Task> {
    let entity = Entity::new();
    entity.set_own(urgency);
    Ref::new(Task {
        number,
        link: Link::new(),
        heap_link: HeapLink::new(),
        entity,
        budget,
        on_cpu: AtomicBool::new(false),
    })
    .unwrap()
}

fn fair(number: usize, priority: i32) -> Ref<Task> {
    task(number, Urgency::fair(priority).unwrap(), None)
}

fn real_time(number: usize, priority: i32, budget: &Ref<Budget>) -> Ref<Task> {
    let urgency = Urgency::real_time(priority).unwrap();
    task(number, urgency, Some(budget.clone()))
}

fn plenty() -> Ref<Budget> {
    Budget::new(None, 10_000, 10_000).unwrap()
}

fn queue() -> RunQueue<Task> {
    let mut queue = RunQueue::new(&CLOCKS);
    queue.set_up(0, TURNS);
    queue
}

/// One CPU and what runs on it.
struct Machine {
    queue: RunQueue<Task>,
    running: Option<Ref<Task>>,
    now: u64,
    used: Vec<u64>,
    order: Vec<usize>,
}

impl Machine {
    fn new(tasks: &[Ref<Task>]) -> Machine {
        let mut machine = Machine {
            queue: queue(),
            running: None,
            now: 0,
            used: alloc::vec![0; tasks.len()],
            order: Vec::new(),
        };
        for task in tasks {
            machine.queue.push(task.clone(), Arrival::Woken, 0);
        }
        machine
    }

    fn count(&mut self, ticks: u64) {
        self.now += ticks;
        if let Some(running) = &self.running {
            self.used[running.number] += ticks;
            self.queue.count(running, ticks, self.now);
        }
    }

    fn begin(&mut self, next: Option<Ref<Task>>) {
        if let Some(next) = &next {
            self.order.push(next.number);
        }
        self.queue.begin_turn(next.as_deref(), self.now);
        self.running = next;
    }

    /// The scheduler looks: the running task goes on or gives way.
    fn look(&mut self) {
        let next = match &self.running {
            None => self.queue.pop(),
            Some(running) => self.queue.pop_better(running),
        };
        let Some(next) = next else {
            let same = self.running.take();
            return self.begin(same);
        };
        let before = self.running.take();
        self.begin(Some(next));
        if let Some(before) = before {
            self.queue.push(before, Arrival::Preempted, self.now);
        }
    }

    /// Runs to the end of each turn until `end`.
    fn run_until(&mut self, end: u64) {
        self.look();
        while self.now < end {
            let look = self.queue.next_look().min(end);
            self.count(look - self.now);
            self.look();
        }
    }

    /// The running task waits.
    fn wait(&mut self) -> Ref<Task> {
        let running = self.running.take().unwrap();
        self.queue.rest(&running);
        let next = self.queue.pop();
        self.begin(next);
        running
    }
}

#[test]
fn shares_follow_the_weights_within_one_per_cent() {
    for priorities in [
        &[0, 0, 0, 0][..],
        &[0, 3, -3, 6],
        &[10, -10],
        &[19, 0, 0, 5],
    ] {
        let tasks: Vec<_> = priorities
            .iter()
            .enumerate()
            .map(|(number, priority)| fair(number, *priority))
            .collect();
        let mut machine = Machine::new(&tasks);
        machine.run_until(400_000_000);
        let weights: Vec<_> = tasks.iter().map(|t| t.entity.own().weight()).collect();
        let all: u64 = weights.iter().sum();
        for (number, weight) in weights.iter().enumerate() {
            let due = *weight as f64 / all as f64;
            let had = machine.used[number] as f64 / machine.now as f64;
            assert!(
                (had / due - 1.0).abs() < 0.01,
                "{priorities:?}: {had} for {due}"
            );
        }
    }
}

#[test]
fn who_sleeps_gets_no_more_than_its_share() {
    // One that always waits just before its turn ends, against one that never waits.
    let tasks = [fair(0, 0), fair(1, 0)];
    let mut machine = Machine::new(&tasks);
    machine.look();
    while machine.now < 100_000_000 {
        let look = machine.queue.next_look();
        let is_cheat = machine.running.as_ref().unwrap().number == 1;
        if is_cheat && look != u64::MAX {
            machine.count((look - machine.now).saturating_sub(10));
            let cheat = machine.wait();
            machine.count(10);
            machine.queue.push(cheat, Arrival::Woken, machine.now);
        } else {
            machine.count(look.min(machine.now + 1_000) - machine.now);
        }
        machine.look();
    }
    let share = machine.used[1] as f64 / machine.now as f64;
    assert!(share < 0.51, "{share}");
}

#[test]
fn a_short_request_is_served_before_long_ones() {
    let tasks = [fair(0, 0), fair(1, 0), fair(2, 0), fair(3, 0)];
    let mut machine = Machine::new(&tasks[..3]);
    machine.used.push(0);
    let mut longest = 0;
    for round in 0..400 {
        machine.run_until(machine.now + 23_457);
        let woken_at = machine.now;
        if machine
            .queue
            .push(tasks[3].clone(), Arrival::Woken, machine.now)
        {
            machine.look();
        }
        while machine.running.as_ref().unwrap().number != 3 {
            let look = machine.queue.next_look();
            machine.count(look - machine.now);
            machine.look();
        }
        if round > 20 {
            longest = longest.max(machine.now - woken_at);
        }
        machine.count(200);
        machine.wait();
    }
    // It asks for a ms at a time, so it does not stand in line for slices of 10.
    assert!(longest <= 10_000, "{longest}");
}

#[test]
fn real_time_goes_by_priority_and_then_by_arrival() {
    let budget = plenty();
    let priorities = [0, 7, 3, 7, 31, 3, 0];
    let tasks: Vec<_> = priorities
        .iter()
        .enumerate()
        .map(|(number, priority)| real_time(number, *priority, &budget))
        .collect();
    let mut queue = queue();
    queue.push(fair(7, 19), Arrival::Woken, 0);
    for task in &tasks {
        queue.push(task.clone(), Arrival::Woken, 0);
    }
    let order: Vec<_> = core::iter::from_fn(|| queue.pop())
        .map(|t| t.number)
        .collect();
    assert_eq!(order, [4, 1, 3, 2, 5, 0, 6, 7]);
}

#[test]
fn a_preempted_real_time_thread_stays_the_first_of_its_priority() {
    let budget = plenty();
    let tasks = [
        real_time(0, 5, &budget),
        real_time(1, 5, &budget),
        real_time(2, 6, &budget),
    ];
    let mut machine = Machine::new(&tasks[..2]);
    machine.used.push(0);
    machine.look();
    assert!(machine.queue.push(tasks[2].clone(), Arrival::Woken, 0));
    machine.look();
    machine.wait();
    assert_eq!(machine.order, [0, 2, 0]);
    // One of its own priority does not take the CPU from it, unless it yields.
    machine.look();
    assert_eq!(machine.running.as_ref().unwrap().number, 0);
    let running = machine.running.take().unwrap();
    assert_eq!(machine.queue.pop_other(&running).unwrap().number, 1);
}

#[test]
fn beyond_its_budget_a_real_time_thread_is_a_fair_one() {
    // 3 ms of every 10; the rest is shared by two fair threads and itself.
    let budget = Budget::new(None, 10_000, 3_000).unwrap();
    let tasks = [real_time(0, 1, &budget), fair(1, 0), fair(2, 0)];
    let mut machine = Machine::new(&tasks);
    machine.run_until(30_000_000);
    let share = |number: usize| machine.used[number] as f64 / machine.now as f64;
    assert!((share(1) / share(2) - 1.0).abs() < 0.02);
    let due = 0.3 + 0.7 / 3.0;
    assert!((share(0) - due).abs() < 0.03, "{}", share(0));
    // Without the budget it would have had all.
    let endless = Budget::new(None, 10_000, u64::MAX).unwrap();
    let tasks = [real_time(0, 1, &endless), fair(1, 0)];
    let mut machine = Machine::new(&tasks);
    machine.run_until(1_000_000);
    assert_eq!(machine.used[1], 0);
}

#[test]
fn a_thread_is_never_given_where_it_may_not_run() {
    let mut state = 7u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let budget = plenty();
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let task = if number % 3 == 0 {
                real_time(number, random(32) as i32, &budget)
            } else {
                fair(number, random(40) as i32 - 20)
            };
            task.entity.set_affinity(1 | random(256) as u32);
            task.on_cpu.store(random(4) == 0, Ordering::Relaxed);
            task
        })
        .collect();
    let mut queue = queue();
    for task in &tasks {
        queue.push(task.clone(), Arrival::Woken, 0);
    }
    let mut taken = Vec::new();
    for _ in 0..400 {
        let cpu = 1 + random(7) as usize;
        if let Some(task) = queue.pop_for(cpu, Urgency::IDLE, true) {
            assert!(task.entity.allows(cpu) && !task.is_on_cpu());
            taken.push(task.number);
        }
    }
    assert!(taken.len() > 10);
    // What is left could go nowhere: it runs here only, or still comes off its CPU.
    let rest: Vec<_> = core::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(taken.len() + rest.len(), tasks.len());
    for task in rest {
        assert!(task.is_on_cpu() || task.entity.affinity() & 0xfe == 0);
    }
}

#[test]
fn a_thread_that_has_to_leave_is_kept_for_those_it_may_run_on() {
    let mut queue = queue();
    let task = fair(0, 0);
    task.entity.set_affinity(0b1000);
    queue.push_leaving(task.clone());
    assert!(queue.is_empty() && queue.has_offers() && queue.pop().is_none());
    assert!(queue.pop_for(1, Urgency::IDLE, true).is_none());
    assert!(queue.is_sending_to(3) && !queue.is_sending_to(1));
    task.on_cpu.store(true, Ordering::Relaxed);
    assert!(queue.pop_for(3, Urgency::IDLE, true).is_none());
    task.on_cpu.store(false, Ordering::Relaxed);
    assert!(queue.pop_for(3, Urgency::IDLE, true).is_some());
    assert!(!queue.has_offers());
}

#[test]
fn a_removed_thread_takes_its_weight_along() {
    let mut queue = queue();
    let tasks = [fair(0, 5), fair(1, -5), fair(2, 0)];
    for task in &tasks {
        queue.push(task.clone(), Arrival::Woken, 0);
    }
    for task in &tasks {
        assert!(queue.remove(task).is_some() && queue.remove(task).is_none());
    }
    assert!(queue.load() == 0 && queue.is_empty());
}
