//! QEMU's arguments for a machine.

use std::path::Path;

use super::machine::{Console, Disk, LogSink, Machine, Time, WhileIdle, Writes};
use crate::arguments::Net;

/// The wall clock at reset where it must not depend on the host.
const FIXED_CLOCK: &str = "2026-01-01T00:00:00";

/// Most translated code that QEMU keeps, in MiB. With its default of up to 1 GiB a machine
/// that starts many programs comes to a standstill: QEMU 7.2 walks lists of all blocks that
/// were ever chained to one, each time a page with code is written.
const TRANSLATED_MIB: u32 = 64;

/// The arguments after the program's name.
pub fn arguments(machine: &Machine) -> Vec<String> {
    let mut line = Line(Vec::new());
    line.option("-M", board(machine));
    line.option("-cpu", machine.cpu.clone());
    line.option("-smp", machine.cpus.to_string());
    line.option("-m", machine.memory_mib.to_string());
    line.accelerator(machine.takes_turns);
    line.word("-nodefaults");
    line.option("-display", "none".to_owned());
    line.option("-kernel", machine.kernel.display().to_string());
    if !machine.boot_arguments.is_empty() {
        line.option("-append", machine.boot_arguments.join(" "));
    }
    line.time(machine.time);
    line.console(&machine.console);
    if let Some(log) = &machine.semihosting {
        line.semihosting(log);
    }
    if let Some(commands) = &machine.exec {
        let text = escape(commands);
        line.option("-fw_cfg", format!("name=opt/viperos/exec,string={text}"));
    }
    // QEMU 7.2 still makes pre-1.0 devices unless told otherwise.
    line.option("-global", "virtio-mmio.force-legacy=false".to_owned());
    if let Some(disk) = &machine.disk {
        line.disk(disk);
    }
    line.net(machine.net);
    if machine.time == Time::Host {
        line.option("-device", "virtio-rng-device".to_owned());
    }
    if let Some(socket) = &machine.qmp {
        line.option(
            "-qmp",
            format!("unix:{},server=on,wait=off", escape_path(socket)),
        );
    }
    if let Some(stub) = &machine.gdb {
        line.option("-gdb", stub.clone());
        line.word("-S");
    }
    line.0.extend(machine.extra.iter().cloned());
    line.0
}

fn board(machine: &Machine) -> String {
    let mut board = format!("virt,gic-version={}", machine.gic);
    if machine.el2 {
        board.push_str(",virtualization=on");
    }
    if machine.time != Time::Host {
        board.push_str(",dtb-randomness=off");
    }
    board
}

/// Arguments under construction.
struct Line(Vec<String>);

impl Line {
    fn word(&mut self, word: &str) {
        self.0.push(word.to_owned());
    }

    fn option(&mut self, name: &str, value: String) {
        self.0.push(name.to_owned());
        self.0.push(value);
    }

    fn accelerator(&mut self, takes_turns: bool) {
        let turns = if takes_turns { ",thread=single" } else { "" };
        self.option("-accel", format!("tcg,tb-size={TRANSLATED_MIB}{turns}"));
    }

    fn time(&mut self, time: Time) {
        let sleep = match time {
            Time::Host => return,
            Time::Instructions(WhileIdle::Host) => "on",
            Time::Instructions(WhileIdle::Jumps) => "off",
        };
        self.option("-icount", format!("shift=0,sleep={sleep}"));
        // A request is begun by the instruction that asks for it, not by another thread of
        // QEMU some time later.
        self.option("-global", "virtio-mmio.ioeventfd=off".to_owned());
        self.option("-rtc", format!("clock=vm,base={FIXED_CLOCK}"));
    }

    fn console(&mut self, console: &Console) {
        match console {
            Console::Terminal { log } => {
                let log = escape_path(log);
                // With signal=off Ctrl-C reaches the guest.
                let chardev = format!("stdio,id=console,mux=on,signal=off,logfile={log}");
                self.option("-chardev", chardev);
                self.option("-serial", "chardev:console".to_owned());
                self.option("-mon", "chardev=console,mode=readline".to_owned());
            }
            Console::Pipe => {
                self.option("-chardev", "stdio,id=console,mux=off,signal=off".to_owned());
                self.option("-serial", "chardev:console".to_owned());
            }
            Console::Socket(path) => {
                let path = escape_path(path);
                let chardev = format!("socket,id=console,path={path},server=on,wait=off");
                self.option("-chardev", chardev);
                self.option("-serial", "chardev:console".to_owned());
            }
        }
    }

    fn semihosting(&mut self, log: &LogSink) {
        let path = match log {
            LogSink::File(path) => escape_path(path),
            // Appending, because standard error may be a file with text in it.
            LogSink::StandardError => "/dev/stderr,append=on".to_owned(),
        };
        self.option("-chardev", format!("file,id=log,path={path}"));
        let config = "enable=on,target=native,chardev=log";
        self.option("-semihosting-config", config.to_owned());
    }

    fn disk(&mut self, disk: &Disk) {
        let image = escape_path(&disk.image);
        let snapshot = match disk.writes {
            Writes::Kept => "",
            Writes::Discarded => ",snapshot=on",
        };
        let drive = format!("if=none,id=disk,file={image},format=raw,cache=writeback{snapshot}");
        self.option("-drive", drive);
        self.option("-device", "virtio-blk-device,drive=disk".to_owned());
    }

    fn net(&mut self, net: Net) {
        match net {
            Net::None => self.option("-nic", "none".to_owned()),
            Net::User => {
                self.option("-netdev", "user,id=net".to_owned());
                self.option("-device", "virtio-net-device,netdev=net".to_owned());
            }
        }
    }
}

/// A value inside an option: QEMU reads two commas as one.
fn escape(value: &str) -> String {
    value.replace(',', ",,")
}

fn escape_path(path: &Path) -> String {
    escape(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Task};

    fn machine(options: &str) -> Machine {
        let words = ["xtask", "run"]
            .into_iter()
            .chain(options.split_whitespace());
        let Task::Run(options) = Arguments::parse_from(words).task else {
            panic!("not run");
        };
        Machine::new(&options.machine, "Image".into(), Console::Pipe)
    }

    fn line(machine: &Machine) -> String {
        arguments(machine).join(" ")
    }

    #[test]
    fn the_default_machine_is_the_documented_one() {
        let line = line(&machine(""));
        let start = "-M virt,gic-version=3 -cpu cortex-a72 -smp 4 -m 128 ";
        assert!(line.starts_with(start), "{line}");
        assert!(line.contains("-global virtio-mmio.force-legacy=false"));
        assert!(line.contains("-nic none"));
        assert!(line.contains("-device virtio-rng-device"));
        assert!(!line.contains("semihosting"), "only with --exec");
        assert!(!line.contains("-icount"));
        assert!(line.contains("-accel tcg,tb-size=64 "));
    }

    #[test]
    fn cpus_that_take_turns_are_one_thread() {
        let mut machine = machine("");
        machine.takes_turns = true;
        assert!(line(&machine).contains("-accel tcg,tb-size=64,thread=single "));
    }

    #[test]
    fn counting_instructions_takes_randomness_away() {
        let mut machine = machine("--smp 1");
        machine.count_instructions(WhileIdle::Jumps);
        assert!(line(&machine).contains("-icount shift=0,sleep=off"));
        machine.count_instructions(WhileIdle::Host);
        let line = line(&machine);
        assert!(line.contains("-icount shift=0,sleep=on"));
        assert!(line.contains("-global virtio-mmio.ioeventfd=off"));
        assert!(line.contains("-M virt,gic-version=3,dtb-randomness=off"));
        assert!(line.contains("-rtc clock=vm,base="));
        assert!(line.contains("-append noaslr"));
        assert!(!line.contains("virtio-rng"));
    }

    #[test]
    fn commands_reach_the_machine_as_they_are() {
        let mut machine = machine("");
        machine.run_commands("Echo a,b; Dir", LogSink::File("log,1".into()));
        let arguments = arguments(&machine);
        assert!(
            arguments
                .iter()
                .any(|a| a == "name=opt/viperos/exec,string=Echo a,,b; Dir")
        );
        assert!(arguments.iter().any(|a| a == "file,id=log,path=log,,1"));
        assert!(
            arguments
                .iter()
                .any(|a| a == "log=semihosting exit=semihosting")
        );
        assert!(
            arguments
                .iter()
                .any(|a| a == "enable=on,target=native,chardev=log")
        );
    }

    #[test]
    fn disk_net_and_sockets_appear_when_asked_for() {
        let mut machine = machine("--gic 2 --cpu max");
        machine.disk = Some(Disk {
            image: "a,b.img".into(),
            writes: Writes::Discarded,
        });
        machine.net = Net::User;
        machine.qmp = Some("q.sock".into());
        machine.gdb = Some("tcp:127.0.0.1:1".into());
        machine.el2 = true;
        let line = line(&machine);
        assert!(line.contains("file=a,,b.img,format=raw,cache=writeback,snapshot=on"));
        assert!(line.contains("-device virtio-net-device,netdev=net") && !line.contains("-nic"));
        assert!(line.contains("-qmp unix:q.sock,server=on,wait=off"));
        assert!(line.contains("-gdb tcp:127.0.0.1:1 -S"));
        assert!(line.contains("gic-version=2,virtualization=on"));
        machine.disk = Some(Disk {
            image: "d.img".into(),
            writes: Writes::Kept,
        });
        assert!(!self::line(&machine).contains("snapshot"));
    }
}
