//! How often somebody may come to all nodes together: the generic cell rate algorithm (ITU-T I.371) as one script, so that
//! counting is one round trip and no two nodes count at once.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::Redis;

const MICROS: u64 = 1_000_000;

/// Keeps the theoretical arrival time of the next, in microseconds of the server's own clock. `ARGV` is how long one takes
/// of a second, in microseconds, and how many may come at once. Answers how many are left, or -1 and how long to wait.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local time = redis.call('TIME')
          local now = time[1] * 1000000 + time[2]
          local every, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
          local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + every
          local allowed = due - every * burst
          if allowed > now then return {-1, allowed - now} end
          redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
          return {math.floor((now - allowed) / every), 0}",
    )
});

/// What became of one who came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many more may come at once.
    pub remaining: u32,
    /// How long to wait, if they came too often.
    pub wait: Option<Duration>,
}

impl Redis {
    /// Counts one who comes, of so many that may come in a second; none when Redis does not answer.
    pub async fn count(&self, who: &str, per_second: NonZeroU32) -> Option<Rate> {
        let every = (MICROS / u64::from(per_second.get())).max(1);
        let mut count = COUNT.key(self.key(who));
        count.arg(every).arg(per_second.get());
        let asked = async { count.invoke_async(&mut self.connection()).await };
        let (remaining, wait): (i64, u64) = self.within(asked).await?;
        let wait = (remaining < 0).then(|| Duration::from_micros(wait));
        Some(Rate { remaining: u32::try_from(remaining).unwrap_or(0), wait })
    }
}
