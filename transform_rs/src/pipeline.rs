//! Batches through workers, results back in file order: the outcome does not depend on threads.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::cut::{Batch, Cutter};
use crate::error::Result;

/// Work on batches: decode, and encode for an output.
pub trait Stage: Sync {
    /// Memory of one worker, kept between batches.
    type Worker: Send;
    /// What a batch becomes.
    type Part: Send;

    /// A worker's memory.
    fn worker(&self) -> Self::Worker;

    /// Turn a batch into its part.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn work(&self, worker: &mut Self::Worker, batch: &Batch) -> Result<Self::Part>;
}

/// Run `stage` over all batches of `cutter` with `threads` threads.
///
/// `collect` gets the parts in file order, on the calling thread. Returns the workers.
///
/// # Errors
/// The first failure of reading, working or collecting.
pub fn run<S: Stage>(
    stage: &S,
    cutter: &mut Cutter,
    threads: usize,
    collect: impl FnMut(S::Part) -> Result<()>,
) -> Result<Vec<S::Worker>> {
    if threads <= 1 {
        run_alone(stage, cutter, collect)
    } else {
        run_many(stage, cutter, threads, collect)
    }
}

fn run_alone<S: Stage>(
    stage: &S,
    cutter: &mut Cutter,
    mut collect: impl FnMut(S::Part) -> Result<()>,
) -> Result<Vec<S::Worker>> {
    let mut worker = stage.worker();
    let mut spare = Batch::default();
    while let Some(batch) = cutter.next_batch(spare)? {
        collect(stage.work(&mut worker, &batch)?)?;
        spare = batch;
    }
    Ok(vec![worker])
}

type Numbered<T> = (u64, T);

fn run_many<S: Stage>(
    stage: &S,
    cutter: &mut Cutter,
    threads: usize,
    mut collect: impl FnMut(S::Part) -> Result<()>,
) -> Result<Vec<S::Worker>> {
    let (to_work, work) = sync_channel::<Numbered<Batch>>(1);
    let (to_collect, done) = sync_channel::<Numbered<Result<S::Part>>>(1);
    let (to_reuse, spares) = sync_channel::<Batch>(threads + 1);
    let work = Arc::new(Mutex::new(work));
    thread::scope(|scope| {
        let cutting = scope.spawn(move || cut_all(cutter, &to_work, &spares));
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (to_collect, to_reuse) = (to_collect.clone(), to_reuse.clone());
                let work = Arc::clone(&work);
                scope.spawn(move || work_all(stage, &work, &to_collect, &to_reuse))
            })
            .collect();
        // Only the workers hold these now: when they are gone, whoever cuts or collects ends too.
        drop((to_collect, to_reuse, work));
        let collected = collect_in_order(&done, &mut collect);
        drop(done);
        let finished = workers.into_iter().filter_map(|w| w.join().ok()).collect();
        let cut = cutting.join().unwrap_or(Ok(()));
        collected.and(cut).map(|()| finished)
    })
}

fn cut_all(
    cutter: &mut Cutter,
    to_work: &SyncSender<Numbered<Batch>>,
    spares: &Receiver<Batch>,
) -> Result<()> {
    let mut number = 0;
    while let Some(batch) = cutter.next_batch(spares.try_recv().unwrap_or_default())? {
        if to_work.send((number, batch)).is_err() {
            break;
        }
        number += 1;
    }
    Ok(())
}

fn work_all<S: Stage>(
    stage: &S,
    work: &Mutex<Receiver<Numbered<Batch>>>,
    to_collect: &SyncSender<Numbered<Result<S::Part>>>,
    to_reuse: &SyncSender<Batch>,
) -> S::Worker {
    let mut worker = stage.worker();
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = next else {
            return worker;
        };
        let part = stage.work(&mut worker, &batch);
        let _ = to_reuse.try_send(batch);
        if to_collect.send((number, part)).is_err() {
            return worker;
        }
    }
}

fn collect_in_order<P>(
    done: &Receiver<Numbered<Result<P>>>,
    collect: &mut impl FnMut(P) -> Result<()>,
) -> Result<()> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, part) in done {
        early.insert(number, part);
        while let Some(part) = early.remove(&next) {
            collect(part?)?;
            next += 1;
        }
    }
    Ok(())
}
