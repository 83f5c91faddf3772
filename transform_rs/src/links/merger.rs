//! Merges any number of links in bounded memory: sorted runs on disk, then a k-way merge.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::merge::sort_and_merge;
use super::row::Link;
use super::run::Run;
use crate::error::{Error, Result};
use crate::warts::addr::Addr;

/// Memory that a link takes, with what vectors and sorting need on top, bytes.
const LINK_BYTES: usize = 320;

/// Takes links in any order, gives them back sorted and merged.
pub struct Merger {
    held: Vec<Link>,
    most: usize,
    runs: Vec<Run>,
    folder: PathBuf,
}

impl Merger {
    /// Hold at most `memory` bytes of links; the rest goes to nameless files in `folder`.
    pub fn new(memory: usize, folder: &Path) -> Self {
        let most = (memory / LINK_BYTES).max(1024);
        Self { held: Vec::new(), most, runs: Vec::new(), folder: folder.to_owned() }
    }

    fn fail(&self, source: std::io::Error) -> Error {
        Error::Write { path: self.folder.join("hs-transform.run"), source }
    }

    /// Take a link.
    ///
    /// # Errors
    /// [`Error::Write`] if a run cannot be written.
    pub fn push(&mut self, link: Link) -> Result<()> {
        self.held.push(link);
        if self.held.len() < self.most {
            return Ok(());
        }
        self.held = sort_and_merge(std::mem::take(&mut self.held));
        if self.held.len() > self.most / 2 {
            let links = std::mem::take(&mut self.held).into_iter();
            let run = Run::write(links, &self.folder).map_err(|source| self.fail(source))?;
            self.runs.push(run);
        }
        Ok(())
    }

    /// Runs on disk so far.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// All links, sorted by address, merged.
    pub fn finish(mut self) -> impl Iterator<Item = Result<Link>> {
        let held = sort_and_merge(std::mem::take(&mut self.held));
        merge_sorted(self.runs, vec![held.into_iter()], &self.folder)
    }
}

/// Links of `runs`, which lie in `folder`, and of `held`, each sorted, as one.
pub fn merge_sorted<I: Iterator<Item = Link>>(
    runs: Vec<Run>,
    held: Vec<I>,
    folder: &Path,
) -> impl Iterator<Item = Result<Link>> + use<I> {
    let mut sorted =
        Sorted { heap: BinaryHeap::new(), runs, held, folder: folder.to_owned(), failed: None };
    if sorted.sources() > 1 {
        (0..sorted.sources()).for_each(|source| sorted.pull(source));
    }
    sorted
}

struct Head {
    key: (Addr, Addr),
    source: usize,
    link: Link,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        (self.key, self.source) == (other.key, other.source)
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.key, self.source).cmp(&(other.key, other.source))
    }
}

struct Sorted<I> {
    heap: BinaryHeap<Reverse<Head>>,
    runs: Vec<Run>,
    held: Vec<I>,
    folder: PathBuf,
    failed: Option<std::io::Error>,
}

impl<I: Iterator<Item = Link>> Sorted<I> {
    fn sources(&self) -> usize {
        self.runs.len() + self.held.len()
    }

    fn fail(&self, source: std::io::Error) -> Error {
        let path = self.folder.join("hs-transform.run").to_string_lossy().into_owned();
        Error::Read { path, source }
    }

    /// The next link of a source: the runs come first, then what memory holds.
    fn next_of(&mut self, source: usize) -> std::io::Result<Option<Link>> {
        match self.runs.get_mut(source) {
            Some(run) => run.next_link(),
            None => Ok(self.held[source - self.runs.len()].next()),
        }
    }

    /// Put the next link of a source on the heap.
    fn pull(&mut self, source: usize) {
        let next = self.next_of(source);
        match next {
            Ok(Some(link)) => self.heap.push(Reverse(Head { key: link.key(), source, link })),
            Ok(None) => {}
            Err(error) => self.failed = Some(error),
        }
    }
}

impl<I: Iterator<Item = Link>> Iterator for Sorted<I> {
    type Item = Result<Link>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(source) = self.failed.take() {
            return Some(Err(self.fail(source)));
        }
        if self.sources() == 1 {
            return self.next_of(0).map_err(|source| self.fail(source)).transpose();
        }
        let Reverse(Head { key, source, mut link }) = self.heap.pop()?;
        self.pull(source);
        while self.heap.peek().is_some_and(|Reverse(head)| head.key == key) {
            if let Some(Reverse(head)) = self.heap.pop() {
                link.merge(&head.link);
                self.pull(head.source);
            }
        }
        Some(Ok(link))
    }
}
