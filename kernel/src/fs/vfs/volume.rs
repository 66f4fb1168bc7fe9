//! A mounted volume.

use alloc::vec::Vec;

use abi::fs::VolumeInfo;

use crate::block::{self, BlockDevice, Completion, Limits, Request, Ticket};
use crate::fs::viperfs::{self, MountOptions, Volume};
use crate::limits::DIRTY_PAGES_MAX;
use crate::mm::{self, HeapReserve, PAGE};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, Ref, SpinLock};
use crate::time::wall_ns;
use crate::word;

use super::error::Error;
use super::node::Node;

/// Most nodes kept although nobody has them open.
const IDLE_NODES_MAX: usize = 512;
/// Share of memory for the engine's tree nodes.
const CACHE_SHARE: u64 = 16;

/// A disk as volumes hold it.
#[derive(Clone, Debug)]
pub struct BlockDisk(pub Ref<dyn SharedDisk>);

/// A block device that several threads use.
pub trait SharedDisk: BlockDevice + Send + Sync + core::fmt::Debug {}

impl<D: BlockDevice + Send + Sync + core::fmt::Debug> SharedDisk for D {}

impl BlockDevice for BlockDisk {
    fn submit(&self, request: Request) -> Result<Ticket, block::Error> {
        self.0.submit(request)
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, block::Error> {
        self.0.wait(ticket)
    }

    fn capacity(&self) -> u64 {
        self.0.capacity()
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }
}

/// A mounted volume.
#[derive(Debug)]
pub struct MountedVolume {
    engine: Mutex<Volume<BlockDisk>>,
    /// Memory for one operation of the engine.
    reserve: HeapReserve,
    /// Nodes in memory, by number.
    nodes: SpinLock<Vec<Ref<Node>>>,
    /// Nodes that nobody needs any more, to be released by the next write-back.
    leaving: SpinLock<Vec<Ref<Node>>>,
    id: u64,
    /// Dirty pages of all files.
    dirty: AtomicU64,
    /// Bytes free at the last look.
    free: AtomicU64,
    read_only: AtomicBool,
    label: [u8; 32],
}

static VOLUMES: SpinLock<Vec<Ref<MountedVolume>>> = SpinLock::new(Vec::new());
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl MountedVolume {
    /// Mounts the volume on a disk.
    ///
    /// # Errors
    /// What the engine finds, for a person; or no memory.
    pub fn mount(disk: BlockDisk) -> Result<Ref<MountedVolume>, viperfs::Error> {
        let memory = mm::memory_use().total.saturating_mul(PAGE);
        let cache_bytes = usize::try_from(memory / CACHE_SHARE).unwrap_or(usize::MAX);
        let read_only = disk.limits().read_only;
        let options = MountOptions {
            read_only,
            cache_bytes,
            ..MountOptions::default()
        };
        let reserve = HeapReserve::new().map_err(|_| viperfs::Error::NoMemory)?;
        let engine = Volume::mount(disk, &options).map_err(|(_, error)| error)?;
        let filled = reserve.reserve(engine.memory_need()).map(drop);
        filled.map_err(|_| viperfs::Error::NoMemory)?;
        let free = engine.usage().free_bytes;
        let mut label = [0; 32];
        for (place, byte) in label.iter_mut().zip(engine.label().bytes()) {
            *place = byte;
        }
        let volume = Ref::new(MountedVolume {
            engine: Mutex::new(engine),
            reserve,
            nodes: SpinLock::new(Vec::new()),
            leaving: SpinLock::new(Vec::new()),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            dirty: AtomicU64::new(0),
            free: AtomicU64::new(free),
            read_only: AtomicBool::new(read_only),
            label,
        });
        let volume = volume.map_err(|_| viperfs::Error::NoMemory)?;
        mm::set_reclaimer(reclaim_pages);
        let mut volumes = VOLUMES.lock();
        if volumes.try_reserve(1).is_ok() {
            volumes.push(volume.clone());
        }
        Ok(volume)
    }

    /// Number of the root directory.
    pub(super) fn root(&self) -> u64 {
        self.engine.lock().root()
    }

    /// Number of the volume while it is mounted.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Runs `work` on the engine, alone and with memory set aside for it.
    ///
    /// # Errors
    /// As `work`; and no memory, with nothing done.
    pub(super) fn engine<R>(
        &self,
        work: impl FnOnce(&mut Volume<BlockDisk>) -> Result<R, viperfs::Error>,
    ) -> Result<R, viperfs::Error> {
        let mut engine = self.engine.lock();
        let need = engine.memory_need();
        let reservation = self.reserve.reserve(need).or_else(|_| {
            // What fills the reserve up may be nodes that the engine can read again.
            engine.drop_caches();
            mm::reclaim();
            self.reserve.reserve(need)
        });
        let reservation = reservation.map_err(|_| viperfs::Error::NoMemory)?;
        let result = work(&mut engine);
        let usage = engine.usage();
        self.free.store(usage.free_bytes, Ordering::Relaxed);
        self.read_only.store(usage.read_only, Ordering::Relaxed);
        drop(reservation);
        result
    }

    /// Ends the hold on a node that nobody has any more.
    pub(super) fn release(&self, ino: u64) {
        match self.engine(|engine| engine.release(ino)) {
            Ok(()) => {}
            Err(viperfs::Error::NoMemory) => self.engine.lock().release_later(ino),
            Err(error) => log::warn!("file {ino} could not be released: {error}"),
        }
    }

    /// Whether changes are refused.
    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    /// The node with this number.
    ///
    /// # Errors
    /// As the engine reports.
    pub fn node(&self, this: &Ref<MountedVolume>, ino: u64) -> Result<Ref<Node>, Error> {
        debug_assert!(core::ptr::eq(self, &raw const **this));
        if let Some(node) = self.cached_node(ino) {
            return Ok(node);
        }
        // Held first, so that the node cannot go between the look and its use.
        let stat = self.engine(|engine| {
            let stat = engine.stat(ino)?;
            engine.hold(ino);
            Ok::<_, viperfs::Error>(stat)
        })?;
        let node = match Node::new(this.clone(), &stat) {
            Ok(node) => node,
            Err(error) => {
                self.release(ino);
                return Err(error);
            }
        };
        self.trim_nodes();
        let mut nodes = self.nodes.lock();
        let index = nodes.partition_point(|other| other.ino() < ino);
        if let Some(other) = nodes.get(index).filter(|other| other.ino() == ino) {
            // Another thread was faster; its node is the one that counts.
            let other = other.clone();
            drop(nodes);
            return Ok(other);
        }
        if nodes.try_reserve(1).is_ok() {
            nodes.insert(index, node.clone());
        }
        Ok(node)
    }

    fn cached_node(&self, ino: u64) -> Option<Ref<Node>> {
        let nodes = self.nodes.lock();
        let index = nodes.binary_search_by_key(&ino, |node| node.ino()).ok()?;
        nodes.get(index).cloned()
    }

    /// Lets idle clean nodes go when there are many.
    fn trim_nodes(&self) {
        let gone = {
            let mut nodes = self.nodes.lock();
            if nodes.len() < IDLE_NODES_MAX {
                return;
            }
            let mut gone = Vec::new();
            if gone.try_reserve(nodes.len()).is_err() {
                return;
            }
            nodes.retain(|node| {
                let keep = node.references() > 1 || node.is_dirty();
                if !keep {
                    gone.push(node.clone());
                }
                keep
            });
            gone
        };
        // Dropped here: that takes the engine's lock.
        drop(gone);
    }

    /// Notes that a name of a node is gone, and forgets the node if nobody has it open:
    /// its space comes back with it.
    pub(super) fn unlinked(&self, ino: u64) {
        if let Some(node) = self.cached_node(ino) {
            node.mark_unlinked();
            // The list's reference and the one here.
            self.forget_if_held_by(&node, 2);
        }
    }

    /// Forgets a node without names when `references` are all there are: the list's, and
    /// those of the caller.
    pub(super) fn forget_if_held_by(&self, node: &Ref<Node>, references: usize) {
        if !node.is_unlinked() {
            return;
        }
        let gone = {
            let mut nodes = self.nodes.lock();
            let found = nodes
                .binary_search_by_key(&node.ino(), |node| node.ino())
                .ok();
            found
                .filter(|_| node.references() <= references)
                .map(|index| nodes.remove(index))
        };
        if let Some(node) = &gone {
            node.discard_dirty();
        }
        drop(gone);
    }

    /// Drops a node where no lock is held: at the next write-back.
    fn keep_for_later(&self, node: Ref<Node>) {
        if node.references() > 1 {
            return;
        }
        let mut leaving = self.leaving.lock();
        if leaving.try_reserve(1).is_ok() {
            leaving.push(node);
        } else {
            // Its space comes back at the next mount.
            core::mem::forget(node);
        }
    }

    /// Counts pages that became dirty; makes room when there are too many, or when they
    /// might not fit on the disk.
    ///
    /// # Errors
    /// [`Error::NoSpace`] where the pages will not fit; they are counted all the same.
    pub(super) fn add_dirty(&self, pages: u64) -> Result<(), Error> {
        let dirty = self
            .dirty
            .fetch_add(pages, Ordering::Relaxed)
            .saturating_add(pages);
        let free = self.free.load(Ordering::Relaxed);
        // A page takes its block and a share of the trees above it.
        let needed = dirty.saturating_mul(PAGE).saturating_mul(5) / 4;
        if word::index(dirty) >= DIRTY_PAGES_MAX || needed > free {
            self.write_back()?;
            if self.free.load(Ordering::Relaxed) < PAGE.saturating_mul(8) {
                self.sync()?;
            }
        }
        Ok(())
    }

    /// Counts pages as dirty again that could not be written.
    pub(super) fn recount_dirty(&self, pages: u64) {
        self.dirty.fetch_add(pages, Ordering::Relaxed);
    }

    pub(super) fn remove_dirty(&self, pages: u64) {
        let _ = self
            .dirty
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |dirty| {
                Some(dirty.saturating_sub(pages))
            });
    }

    /// Hands every dirty page to the engine.
    ///
    /// # Errors
    /// The first error; pages that could not be written stay dirty.
    pub fn write_back(&self) -> Result<(), Error> {
        let leaving = core::mem::take(&mut *self.leaving.lock());
        drop(leaving);
        let mut ino = 0;
        loop {
            let next = {
                let nodes = self.nodes.lock();
                let index = nodes.partition_point(|node| node.ino() <= ino);
                nodes
                    .iter()
                    .skip(index)
                    .find(|node| node.is_dirty())
                    .cloned()
            };
            let Some(node) = next else { return Ok(()) };
            ino = node.ino();
            node.write_back()?;
        }
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// As the engine reports.
    pub fn sync(&self) -> Result<(), Error> {
        self.write_back()?;
        self.engine(|engine| engine.sync())?;
        Ok(())
    }

    /// How full the volume is.
    pub fn info(&self) -> VolumeInfo {
        let usage = self.engine.lock().usage();
        VolumeInfo {
            volume: self.id,
            total: usage.total_bytes,
            free: usage.free_bytes,
            block_size: usage.block_bytes,
            generation: usage.generation,
            healed: usage.healed,
            flags: u64::from(usage.read_only),
            label: self.label,
        }
    }

    /// The time for changes.
    pub(super) fn now() -> u64 {
        wall_ns()
    }
}

/// Gives clean cached pages of every file back; returns how many.
fn reclaim_pages() -> u64 {
    let mut pages = 0;
    let mut index = 0;
    loop {
        let Some(volume) = VOLUMES.lock().get(index).cloned() else {
            return pages;
        };
        index = index.saturating_add(1);
        let mut ino = 0;
        loop {
            let next = {
                let nodes = volume.nodes.lock();
                let at = nodes.partition_point(|node| node.ino() <= ino);
                nodes.get(at).cloned()
            };
            let Some(node) = next else { break };
            ino = node.ino();
            pages = pages.saturating_add(node.pages().drop_clean());
            // If the list let the node go meanwhile, this is the last reference, and its
            // release takes the engine's lock, which the caller may hold.
            volume.keep_for_later(node);
        }
    }
}

/// Makes every volume durable; returns whether all went well.
pub fn flush_all_volumes() -> bool {
    let mut index = 0;
    let mut well = true;
    loop {
        let Some(volume) = VOLUMES.lock().get(index).cloned() else {
            return well;
        };
        if let Err(error) = volume.sync() {
            log::error!("volume {} could not be written: {error}", volume.id);
            well = false;
        }
        index = index.saturating_add(1);
    }
}
