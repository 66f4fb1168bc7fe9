//! A reference filesystem: maps in memory, and the comparison of a volume with it.

use std::collections::BTreeMap;

use kernel::block::BlockDevice;
use kernel::fs::viperfs::{Error, Kind, Volume};

/// A file or directory of the model; numbers are those of the volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    File(Vec<u8>),
    Directory {
        parent: u64,
        entries: BTreeMap<Vec<u8>, u64>,
    },
}

/// The reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    pub nodes: BTreeMap<u64, Node>,
    pub root: u64,
}

type Entries = BTreeMap<Vec<u8>, u64>;

impl Model {
    pub fn new(root: u64) -> Model {
        let node = Node::Directory {
            parent: root,
            entries: BTreeMap::new(),
        };
        Model {
            nodes: BTreeMap::from([(root, node)]),
            root,
        }
    }

    pub fn directories(&self) -> Vec<u64> {
        self.numbers(|node| matches!(node, Node::Directory { .. }))
    }

    pub fn files(&self) -> Vec<u64> {
        self.numbers(|node| matches!(node, Node::File(_)))
    }

    fn numbers(&self, wanted: impl Fn(&Node) -> bool) -> Vec<u64> {
        self.nodes
            .iter()
            .filter(|(_, node)| wanted(node))
            .map(|(ino, _)| *ino)
            .collect()
    }

    pub fn entries(&self, dir: u64) -> Result<&Entries, Error> {
        match self.nodes.get(&dir) {
            Some(Node::Directory { entries, .. }) => Ok(entries),
            Some(Node::File(_)) => Err(Error::NotDirectory),
            None => Err(Error::NotFound),
        }
    }

    pub fn entries_mut(&mut self, dir: u64) -> &mut Entries {
        match self.nodes.get_mut(&dir) {
            Some(Node::Directory { entries, .. }) => entries,
            _ => panic!("{dir} is no directory of the model"),
        }
    }

    pub fn data_mut(&mut self, ino: u64) -> &mut Vec<u8> {
        match self.nodes.get_mut(&ino) {
            Some(Node::File(data)) => data,
            _ => panic!("{ino} is no file of the model"),
        }
    }

    pub fn is_directory(&self, ino: u64) -> bool {
        matches!(self.nodes.get(&ino), Some(Node::Directory { .. }))
    }

    pub fn lookup(&self, dir: u64, name: &[u8]) -> Result<u64, Error> {
        self.entries(dir)?.get(name).copied().ok_or(Error::NotFound)
    }

    pub fn check_create(&self, dir: u64, name: &[u8]) -> Result<(), Error> {
        match self.entries(dir)?.contains_key(name) {
            true => Err(Error::AlreadyExists),
            false => Ok(()),
        }
    }

    pub fn add(&mut self, dir: u64, name: &[u8], ino: u64, kind: Kind) {
        let node = match kind {
            Kind::Directory => Node::Directory {
                parent: dir,
                entries: BTreeMap::new(),
            },
            _ => Node::File(Vec::new()),
        };
        assert!(
            self.nodes.insert(ino, node).is_none(),
            "inode {ino} was given out twice"
        );
        self.entries_mut(dir).insert(name.to_vec(), ino);
    }

    pub fn check_unlink(&self, dir: u64, name: &[u8]) -> Result<u64, Error> {
        let ino = self.lookup(dir, name)?;
        if self.is_directory(ino) {
            Err(Error::IsDirectory)
        } else {
            Ok(ino)
        }
    }

    pub fn check_remove_dir(&self, dir: u64, name: &[u8]) -> Result<u64, Error> {
        let ino = self.lookup(dir, name)?;
        match self.entries(ino)?.is_empty() {
            true => Ok(ino),
            false => Err(Error::NotEmpty),
        }
    }

    pub fn remove(&mut self, dir: u64, name: &[u8]) {
        let ino = self.entries_mut(dir).remove(name).expect("checked before");
        self.nodes.remove(&ino);
    }

    /// What a rename should say; on success what it would replace.
    pub fn check_rename(
        &self,
        from: (u64, &[u8]),
        to: (u64, &[u8]),
        replace: bool,
    ) -> Result<Option<u64>, Error> {
        self.entries(to.0)?;
        let moved = self.lookup(from.0, from.1)?;
        if from == to {
            return Ok(None);
        }
        if self.is_directory(moved) && self.is_below(to.0, moved) {
            return Err(Error::IntoItself);
        }
        let Ok(target) = self.lookup(to.0, to.1) else {
            return Ok(None);
        };
        if !replace {
            return Err(Error::AlreadyExists);
        }
        match (self.is_directory(moved), self.is_directory(target)) {
            (true, false) => Err(Error::NotDirectory),
            (false, true) => Err(Error::IsDirectory),
            (true, true) if !self.entries(target)?.is_empty() => Err(Error::NotEmpty),
            _ => Ok(Some(target)),
        }
    }

    pub fn rename(&mut self, from: (u64, &[u8]), to: (u64, &[u8])) {
        if from == to {
            return;
        }
        let moved = self
            .entries_mut(from.0)
            .remove(from.1)
            .expect("checked before");
        if let Some(gone) = self.entries_mut(to.0).insert(to.1.to_vec(), moved) {
            self.nodes.remove(&gone);
        }
        if let Some(Node::Directory { parent, .. }) = self.nodes.get_mut(&moved) {
            *parent = to.0;
        }
    }

    fn is_below(&self, mut dir: u64, above: u64) -> bool {
        loop {
            if dir == above {
                return true;
            }
            match self.nodes.get(&dir) {
                Some(Node::Directory { parent, .. }) if dir != self.root => dir = *parent,
                _ => return false,
            }
        }
    }

    pub fn write(&mut self, ino: u64, offset: usize, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let content = self.data_mut(ino);
        let end = offset + data.len();
        content.resize(content.len().max(end), 0);
        content[offset..end].copy_from_slice(data);
    }
}

/// Reads everything on a volume into a model.
pub fn read_back<D: BlockDevice>(volume: &mut Volume<D>) -> Result<Model, Error> {
    let root = volume.root();
    let mut model = Model::new(root);
    let mut to_visit = vec![root];
    while let Some(dir) = to_visit.pop() {
        let mut listed = Vec::new();
        volume.read_dir(dir, 0, |entry| {
            listed.push((entry.name.to_vec(), entry.ino, entry.kind));
            true
        })?;
        let size = volume.stat(dir)?.size;
        assert_eq!(
            size,
            listed.len() as u64,
            "directory {dir} counts its entries"
        );
        for (name, ino, kind) in listed {
            let stat = volume.stat(ino)?;
            assert_eq!(stat.kind, kind, "inode {ino} is what its entry says");
            model.add(dir, &name, ino, kind);
            if kind == Kind::Directory {
                assert_eq!(stat.parent, dir, "directory {ino} knows its parent");
                to_visit.push(ino);
            } else {
                let mut data = vec![0xee; stat.size as usize];
                let len = volume.read(ino, 0, &mut data)?;
                assert_eq!(len, data.len(), "file {ino} reads to its end");
                *model.data_mut(ino) = data;
            }
        }
    }
    Ok(model)
}

/// Says how a volume differs from a model; `None` when it does not.
pub fn difference(found: &Model, expected: &Model) -> Option<String> {
    for (ino, node) in &expected.nodes {
        match (node, found.nodes.get(ino)) {
            (_, None) => return Some(format!("inode {ino} is missing")),
            (Node::File(want), Some(Node::File(have))) if want != have => {
                let at = want.iter().zip(have).position(|(a, b)| a != b);
                let lens = (want.len(), have.len());
                return Some(format!("file {ino} differs at {at:?}, lengths {lens:?}"));
            }
            (want, Some(have)) if want != have => {
                return Some(format!("inode {ino}: expected {want:?}, found {have:?}"));
            }
            _ => {}
        }
    }
    let extra = found
        .nodes
        .keys()
        .find(|ino| !expected.nodes.contains_key(ino));
    extra.map(|ino| format!("inode {ino} should not be there"))
}
