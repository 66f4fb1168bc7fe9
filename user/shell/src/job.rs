//! Programs that run in the background.

use alloc::string::String;
use alloc::vec::Vec;

use viper::process::Child;
use viper::{Rc, println};

/// One program in the background.
#[derive(Debug)]
pub struct Job {
    /// Its number in this shell.
    pub number: u64,
    /// The command as it was written.
    pub text: String,
    child: Child,
}

/// The jobs of a shell.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: Vec<Job>,
}

impl Jobs {
    /// Adds a job; its number.
    pub fn add(&mut self, text: String, child: Child) -> u64 {
        let number = self
            .jobs
            .last()
            .map_or(1, |job| job.number.saturating_add(1));
        self.jobs.push(Job {
            number,
            text,
            child,
        });
        number
    }

    /// The jobs that have not been reported as ended.
    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter()
    }

    /// Tells of the jobs that have ended and forgets them.
    pub fn report_ended(&mut self) {
        self.jobs.retain(|job| match job.child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                match status.fault() {
                    Some(fault) => println!("[{}] {}: {fault}", job.number, job.text),
                    None => println!("[{}] {} ended, RC {}", job.number, job.text, status.rc()),
                }
                false
            }
            Err(_) => false,
        });
    }

    /// Ends a job; `None` where there is none with this number.
    ///
    /// # Errors
    ///
    /// What the kernel reports.
    pub fn end(&mut self, number: u64) -> Option<viper::io::Result<()>> {
        let job = self.jobs.iter().find(|job| job.number == number)?;
        Some(job.child.kill(Rc::FAIL))
    }
}
