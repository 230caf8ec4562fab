use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use platform::tasks::Tasks;
use tokio::sync::watch;

const LONG: Duration = Duration::from_hours(1);

fn counted() -> (Arc<AtomicU64>, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    (count.clone(), count)
}

#[tokio::test]
async fn stop_waits_for_a_task_that_ends_and_ends_one_that_does_not() {
    struct Ended(Arc<AtomicU64>);
    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (tasks, (ended, seen)) = (Tasks::default(), counted());
    let guard = Ended(ended.clone());
    tasks.spawn(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    let (stopping, guard) = (tasks.clone(), Ended(ended));
    tasks.spawn(async move {
        let _guard = guard;
        stopping.stopped().await;
    });
    tasks.stop(Duration::from_millis(50)).await;
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    let (late, ran) = counted();
    tasks.spawn(async move {
        late.fetch_add(1, Ordering::SeqCst);
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ran.load(Ordering::SeqCst), 0, "nothing starts after the stop");
}

#[tokio::test]
async fn a_wake_runs_a_round_at_once() {
    let (tasks, (count, seen)) = (Tasks::default(), counted());
    let (wake, woken) = watch::channel(0);
    tasks.every("test", LONG, Some(woken), move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, String>(false) }
    });
    for round in 1..5 {
        crate::until("the round ran", || async { seen.load(Ordering::SeqCst) >= round }).await;
        wake.send_modify(|n| *n += 1);
    }
    tasks.stop(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_failing_round_comes_back_slower_and_a_panic_is_a_failure() {
    let (tasks, (count, seen)) = (Tasks::default(), counted());
    tasks.every("test", Duration::from_millis(1), None, move || {
        let round = count.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(round % 2 != 0, "a round that panics");
            Err::<bool, _>("a round that fails")
        }
    });
    crate::until("it came back", || async { seen.load(Ordering::SeqCst) >= 2 }).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let rounds = seen.load(Ordering::SeqCst);
    assert!((2..10).contains(&rounds), "{rounds}");
    tasks.stop(Duration::from_secs(1)).await;
}
