//! Tests of jobs without a machine: trees, limits, who leaves when.

use super::*;
use crate::cap::Capability;
use crate::mm::tests::with_memory;
use crate::process::Restrictions;
use abi::Rights;

fn with_root(test: impl FnOnce(&Ref<Job>)) {
    with_memory(|| {
        let account = Account::root().unwrap();
        let root = Job::root(account.clone()).unwrap();
        test(&root);
        drop(root);
        for resource in Resource::ALL {
            assert_eq!(account.used(resource), 0, "{resource:?}");
        }
        assert_eq!(account.references(), 1);
    });
}

fn handle(job: &Ref<Job>) -> Capability {
    Capability::new(job.clone(), Rights::all())
}

fn process(job: &Ref<Job>) -> Ref<Process> {
    let process = Process::new(b"test", 0, job, Restrictions::none()).unwrap();
    job.enter(process.clone()).unwrap();
    process
}

#[test]
fn a_job_leaves_with_its_last_handle_and_its_last_process() {
    with_root(|root| {
        let job = Job::create_below(root).unwrap();
        let handle = handle(&job);
        let process = process(&job);
        assert_eq!((root.info().running, job.info().running), (1, 1));
        drop(handle);
        assert!(root.job_below(0).is_some());
        process.end(Exit::Code(0));
        assert!(root.job_below(0).is_none());
        assert_eq!((root.info().running, job.info().running), (0, 0));
        // Whoever still had it in hand cannot use it any more.
        let late = Process::new(b"late", 0, &job, Restrictions::none()).unwrap();
        assert_eq!(job.enter(late), Err(JobError::Killed));
        assert_eq!(job.info().running, 0);
    });
}

#[test]
fn killing_reaches_everything_below_and_closes_the_door() {
    with_root(|root| {
        let upper = Job::create_below(root).unwrap();
        let lower = Job::create_below(&upper).unwrap();
        let (of_upper, of_lower) = (handle(&upper), handle(&lower));
        let outside = process(root);
        let inside = [process(&upper), process(&lower), process(&lower)];
        let over = || {
            upper
                .base()
                .signals()
                .raised()
                .contains(Signals::TERMINATED)
        };
        assert!(!over());
        upper.kill(7);
        assert!(over());
        for process in &inside {
            assert_eq!(process.exit(), Some(Exit::Killed(7)));
        }
        assert_eq!(outside.exit(), None);
        assert_eq!(root.info().running, 1);
        assert_eq!(lower.info().killed, 1);
        assert_eq!(Job::create_below(&lower).err(), Some(JobError::Killed));
        let late = Process::new(b"late", 0, &lower, Restrictions::none()).unwrap();
        assert_eq!(lower.enter(late), Err(JobError::Killed));
        outside.end(Exit::Code(0));
        drop((of_upper, of_lower));
        assert!(root.job_below(0).is_none());
    });
}

#[test]
fn a_limit_counts_everything_below() {
    with_root(|root| {
        let upper = Job::create_below(root).unwrap();
        let lower = Job::create_below(&upper).unwrap();
        let handles = (handle(&upper), handle(&lower));
        assert!(upper.set_limit(JobResource::Processes, 2));
        let kept = [process(&upper), process(&lower)];
        assert!(Process::new(b"third", 0, &lower, Restrictions::none()).is_err());
        let code = JobResource::Processes as usize;
        assert_eq!(upper.info().refusals[code], 1);
        assert_eq!((upper.info().used[code], lower.info().used[code]), (2, 1));
        for process in kept {
            process.end(Exit::Code(0));
        }
        assert!(Process::new(b"third", 0, &lower, Restrictions::none()).is_ok());
        drop(handles);
    });
}

#[test]
fn the_tree_has_a_greatest_depth() {
    with_root(|root| {
        let (mut jobs, mut handles) = (alloc::vec![root.clone()], Vec::new());
        let error = loop {
            match Job::create_below(jobs.last().unwrap()) {
                Ok(job) => {
                    handles.push(handle(&job));
                    jobs.push(job);
                }
                Err(error) => break error,
            }
        };
        assert_eq!((error, jobs.len()), (JobError::LimitReached, JOB_DEPTH_MAX));
        // Only the last handle is needed to keep all of them.
        let last = handles.pop();
        drop(handles);
        assert!(root.job_below(0).is_some());
        drop(last);
        assert!(root.job_below(0).is_none());
    });
}

#[test]
fn shares_and_log_budgets() {
    with_root(|root| {
        let job = Job::create_below(root).unwrap();
        let handle = handle(&job);
        assert!(!job.set_limit(JobResource::CpuShare, 0));
        assert!(!job.set_limit(JobResource::CpuShare, CPU_SHARE_MAX + 1));
        assert!(job.set_limit(JobResource::CpuShare, 300));
        assert_eq!(job.cpu_share(), 300);
        assert!(root.set_limit(JobResource::LogBytes, 100));
        assert!(job.take_log_bytes(100));
        assert!(!job.take_log_bytes(1));
        let code = JobResource::LogBytes as usize;
        // Refused above, so not counted here.
        assert_eq!(
            (job.info().used[code], root.info().refusals[code]),
            (100, 1)
        );
        drop(handle);
    });
}
