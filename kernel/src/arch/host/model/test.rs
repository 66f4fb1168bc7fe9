//! Models as tests: once as the code is, once for each mistake.
//!
//! A mistake that a model does not find fails it, too.

use super::std;
use super::std::boxed::Box;
use super::std::env;
use super::std::panic;
use super::std::process::{self, Command, Output};
use super::std::string::String;

/// Environment variable that tells a child which model to explore.
const CHILD: &str = "VIPEROS_MODEL";
const PLANT: &str = "VIPEROS_PLANT";
/// Exit code of a child whose model failed.
const FAILED: i32 = 101;

/// Defines a model: its name, the mistakes it has to find, how it is explored, what it
/// does.
#[macro_export]
macro_rules! model_test {
    ($(#[$doc:meta])* $name:ident, [$($plant:literal),*], $explorer:expr, $model:expr $(,)?) => {
        $(#[$doc])*
        #[test]
        fn $name() {
            let path = concat!(module_path!(), "::", stringify!($name));
            $crate::arch::model::test::run(path, &[$($plant),*], || $explorer.explore($model));
        }
    };
}

/// Explores a model in processes of its own: schedules leave their traces in statics, and
/// a mistake is chosen for a process.
///
/// # Panics
/// Where the model fails, or passes with a mistake.
pub fn run(path: &str, plants: &[&str], explore: impl FnOnce()) {
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    if env::var(CHILD).is_ok_and(|child| child == name) {
        // At once: what a schedule leaves behind is not to be dropped outside of it.
        panic::set_hook(Box::new(|why| {
            std::eprintln!("{why}");
            process::exit(FAILED);
        }));
        explore();
        process::exit(0);
    }
    let right = child(name, None);
    let text = String::from_utf8_lossy(&right.stdout).into_owned();
    assert!(
        right.status.success(),
        "{name} fails:\n{text}{}",
        String::from_utf8_lossy(&right.stderr)
    );
    let explored = text.lines().find(|line| line.ends_with(" schedules"));
    std::println!(
        "{name}: {}",
        explored.expect("a model says how many schedules it tried")
    );
    for plant in plants {
        let wrong = child(name, Some(plant));
        let errors = String::from_utf8_lossy(&wrong.stderr);
        // No code is a signal: memory was used after its end.
        match wrong.status.code() {
            Some(0) => panic!("{name} does not find the mistake {plant}"),
            Some(FAILED) | None => {}
            _ => panic!("{name} with {plant} ended otherwise: {errors}"),
        }
        std::println!("{name}: found {plant}");
    }
}

fn child(name: &str, plant: Option<&str>) -> Output {
    let program = env::current_exe().expect("a test knows its program");
    let mut command = Command::new(program);
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command
        .env(CHILD, name)
        .env_remove(PLANT)
        .env("RUST_BACKTRACE", "0");
    if let Some(plant) = plant {
        command.env(PLANT, plant);
    }
    command.output().expect("the test's own program starts")
}
