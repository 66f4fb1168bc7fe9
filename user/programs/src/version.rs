//! `Version`: of the system, the kernel and the machine.

use abi::system::Topic;
use viper::args::{Args, Switch, Template};
use viper::{Outcome, Program, Rc, println};

use crate::{size, statistics};

const TEMPLATE: Template = Template::parse("FULL/S");
const FULL: Switch = TEMPLATE.switch("FULL");

/// The command `Version`.
pub const PROGRAM: Program = Program {
    name: "Version",
    template: TEMPLATE,
    summary: "Shows the version of the system.",
    help: "FULL adds the machine: processors, interrupt controller, memory, boot arguments.",
    main,
};

fn main(args: &Args) -> Outcome {
    let own = env!("CARGO_PKG_VERSION");
    match statistics::text(Topic::Version) {
        Ok(kernel) => {
            println!("{kernel}");
            if !kernel.contains(own) {
                println!("Commands of version {own}");
            }
        }
        Err(failure) => {
            println!("ViperOS {own}");
            return Err(failure);
        }
    }
    if args.get(FULL) {
        let machine = statistics::machine()?;
        let memory = statistics::memory()?;
        let part = (machine.cpu_model >> 4) & 0xfff;
        println!(
            "Processors   {} of {}, part {part:#x}",
            machine.cpus, machine.cpus_present
        );
        println!("Interrupts   GICv{}", machine.gic_version);
        println!("Entered at   EL{}", machine.entry_level);
        println!("Memory       {}", size::human(memory.total));
        println!("Boot words   {}", statistics::text(Topic::BootArguments)?);
    }
    Ok(Rc::OK)
}
