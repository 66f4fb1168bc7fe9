//! Memory: no operation needs more than the engine says before it.
//!
//! The heap of this program counts what an operation takes, each block as large as it is
//! in the kernel's heap. `VIPERFS_MEMORY_OPS` asks for more operations.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kernel::block::{BlockDevice, MemoryDisk};
use kernel::fs::viperfs::{Case, Error, MountOptions, Place, RenameOptions, Volume};
use support::fixture::{self, MIB};
use support::random::{Random, setting};

thread_local! {
    /// Number of the operation that is measured; 0 is none.
    static OPERATION: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static HEAP: Counting = Counting;

/// Bytes in front of a block at least: the number of the operation that made it.
const HEADER: usize = 16;

/// What a block takes in the kernel: a class of its slabs, or pages.
fn rounded(bytes: usize) -> usize {
    const CLASSES: [usize; 15] = [
        16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1360, 2048, 4096,
    ];
    let class = CLASSES.into_iter().find(|class| *class >= bytes);
    class.unwrap_or_else(|| bytes.next_multiple_of(4096).next_power_of_two())
}

fn header(layout: Layout) -> usize {
    layout.align().max(HEADER)
}

fn with_header(layout: Layout) -> Layout {
    let header = header(layout);
    Layout::from_size_align(layout.size() + header, header).unwrap()
}

// SAFETY: blocks are the system's, less a header that is a multiple of the alignment.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let operation = OPERATION.get();
        if operation != 0 {
            LIVE.set(LIVE.get() + rounded(layout.size()));
            MOST.set(MOST.get().max(LIVE.get()));
        }
        // SAFETY: the layout has a size; the block is larger than the header.
        unsafe {
            let block = System.alloc(with_header(layout));
            if block.is_null() {
                return block;
            }
            let place = block.add(header(layout));
            place.sub(HEADER).cast::<u64>().write(operation);
            place
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: every block has a header in front.
        unsafe {
            let made_in = block.sub(HEADER).cast::<u64>().read();
            if made_in != 0 && made_in == OPERATION.get() {
                LIVE.set(LIVE.get() - rounded(layout.size()));
            }
            System.dealloc(block.sub(header(layout)), with_header(layout));
        }
    }
}

/// Measures operations of one volume against what it says.
struct Meter {
    number: u64,
    /// The nearest that one came, in thousandths of what it had.
    nearest: usize,
    most: usize,
}

impl Meter {
    fn measure<D: BlockDevice, R>(
        &mut self,
        volume: &mut Volume<D>,
        what: &str,
        operation: impl FnOnce(&mut Volume<D>) -> R,
    ) -> R {
        let need = volume.memory_need();
        self.number += 1;
        LIVE.set(0);
        MOST.set(0);
        OPERATION.set(self.number);
        let result = operation(volume);
        OPERATION.set(0);
        let most = MOST.get();
        assert!(most <= need, "{what} took {most} bytes and had {need}");
        self.nearest = self.nearest.max(most * 1000 / need);
        self.most = self.most.max(most);
        result
    }
}

struct Life {
    random: Random,
    meter: Meter,
    dirs: Vec<u64>,
    /// Directory, name, number.
    files: Vec<(u64, Vec<u8>, u64)>,
}

impl Life {
    fn name(&mut self) -> Vec<u8> {
        let longest = if self.random.one_in(4) { 250 } else { 20 };
        let len = 1 + self.random.below(longest);
        (0..len)
            .map(|_| b'a' + self.random.below(26) as u8)
            .collect()
    }

    fn create<D: BlockDevice>(&mut self, volume: &mut Volume<D>) {
        let name = self.name();
        let dir = *self.random.pick(&self.dirs).unwrap();
        let directory = self.random.one_in(20);
        let new = match directory {
            true => fixture::new_dir(1),
            false => fixture::new_file(1),
        };
        let made = self
            .meter
            .measure(volume, "create", |volume| volume.create(dir, &name, new));
        match made {
            Ok(ino) if directory => self.dirs.push(ino),
            Ok(ino) => self.files.push((dir, name, ino)),
            Err(Error::AlreadyExists | Error::NoSpace) => {}
            Err(error) => panic!("create: {error}"),
        }
    }

    fn write<D: BlockDevice>(&mut self, volume: &mut Volume<D>) {
        let Some((_, _, ino)) = self.random.pick(&self.files).cloned() else {
            return;
        };
        let most = [100, 5000, 70_000, 400_000][self.random.below(4) as usize];
        let data = vec![7; 1 + self.random.below(most) as usize];
        let offset = self.random.below(1 << 20);
        let done = self.meter.measure(volume, "write", |volume| {
            volume.write(ino, offset, &data, 1)
        });
        assert!(matches!(done, Ok(_) | Err(Error::NoSpace)), "{done:?}");
    }

    fn read<D: BlockDevice>(&mut self, volume: &mut Volume<D>) {
        let Some((_, _, ino)) = self.random.pick(&self.files).cloned() else {
            return;
        };
        let mut room = vec![0; 65_536];
        let offset = self.random.below(1 << 20);
        self.meter
            .measure(volume, "read", |volume| volume.read(ino, offset, &mut room))
            .expect("what was written is read");
        let dir = *self.random.pick(&self.dirs).unwrap();
        self.meter
            .measure(volume, "read_dir", |volume| {
                volume.read_dir(dir, 0, |_| true)
            })
            .expect("a directory is listed");
    }

    fn change_name<D: BlockDevice>(&mut self, volume: &mut Volume<D>) {
        if self.files.is_empty() {
            return;
        }
        let at = self.random.below(self.files.len() as u64) as usize;
        let (dir, name, _) = self.files[at].clone();
        let from = Place { dir, name: &name };
        if self.random.one_in(2) {
            let gone = self.meter.measure(volume, "unlink", |volume| {
                volume.unlink(dir, &name, Case::Exact, 1)
            });
            gone.expect("a file is removed");
            self.files.swap_remove(at);
            return;
        }
        let (dir, name) = (*self.random.pick(&self.dirs).unwrap(), self.name());
        let to = Place { dir, name: &name };
        let options = RenameOptions {
            case: Case::Exact,
            replace: false,
        };
        let moved = self.meter.measure(volume, "rename", |volume| {
            volume.rename(from, to, options, 1)
        });
        match moved {
            Ok(()) => (self.files[at].0, self.files[at].1) = (dir, name),
            Err(Error::AlreadyExists | Error::NoSpace) => {}
            Err(error) => panic!("rename: {error}"),
        }
    }

    fn cut<D: BlockDevice>(&mut self, volume: &mut Volume<D>) {
        let Some((_, _, ino)) = self.random.pick(&self.files).cloned() else {
            return;
        };
        let size = self.random.below(1 << 20);
        let cut = self
            .meter
            .measure(volume, "truncate", |volume| volume.truncate(ino, size, 1));
        assert!(matches!(cut, Ok(()) | Err(Error::NoSpace)), "{cut:?}");
    }

    fn step<D: BlockDevice>(&mut self, volume: &mut Volume<D>) {
        match self.random.below(100) {
            0..40 => self.create(volume),
            40..65 => self.write(volume),
            65..75 => self.read(volume),
            75..90 => self.change_name(volume),
            90..98 => self.cut(volume),
            _ => {
                let outcome = self.meter.measure(volume, "sync", Volume::sync);
                outcome.expect("a volume is synced");
                volume.drop_caches();
            }
        }
    }
}

fn live(seed: u64, mib: usize, node_bytes: usize, cache_bytes: usize, operations: u64) {
    println!("seed {seed}: {mib} MiB, nodes of {node_bytes}, cache of {cache_bytes}");
    let options = MountOptions {
        cache_bytes,
        ..MountOptions::default()
    };
    let volume = fixture::volume(mib * MIB, node_bytes);
    let mut volume: Volume<MemoryDisk> = fixture::remount(volume, &options);
    let mut life = Life {
        random: Random::new(seed),
        meter: Meter {
            number: 0,
            nearest: 0,
            most: 0,
        },
        dirs: vec![volume.root()],
        files: Vec::new(),
    };
    for _ in 0..operations {
        life.step(&mut volume);
    }
    let Meter { most, nearest, .. } = life.meter;
    let need = volume.memory_need();
    println!("  at most {most} of {need} bytes, or {nearest} thousandths");
    assert!(nearest > 200, "far more is asked for than needed");
}

#[test]
fn no_operation_takes_more_memory_than_was_set_aside() {
    let operations = setting("VIPERFS_MEMORY_OPS", 6000);
    let seed = setting("VIPERFS_SEED", 1);
    live(seed, 64, 4096, 1 << 20, operations);
    live(seed + 1, 300, 4096, 8 << 20, operations);
    live(seed + 2, 128, 16384, 4 << 20, operations);
}
