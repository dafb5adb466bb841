//! Chance that can be repeated.

use std::time::Duration;

/// Random numbers from a seed: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
/// OOPSLA 2014). Good enough for spreading and shuffling, useless for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Numbers that depend on the seed and on whose they are only.
    pub fn new(seed: u64, owner: &str) -> Self {
        // FNV-1a, so that similar names get unlike numbers.
        let hash = owner.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { state: seed ^ hash }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.number().to_be_bytes()[0]
    }

    /// Between half and three halves of `mean`, in milliseconds.
    pub fn around(&mut self, mean: Duration) -> Duration {
        let mean = u64::try_from(mean.as_millis()).unwrap_or(u64::MAX >> 1).max(1);
        Duration::from_millis(mean / 2 + self.number() % mean.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed, owner| {
            let mut random = Random::new(seed, owner);
            [random.number(), random.number(), random.number()]
        };
        assert_eq!(numbers(1, "a"), numbers(1, "a"));
        assert_ne!(numbers(1, "a"), numbers(2, "a"));
        assert_ne!(numbers(1, "a"), numbers(1, "b"));
    }

    #[test]
    fn durations_lie_around_their_mean() {
        let mut random = Random::new(7, "x");
        let mean = Duration::from_secs(10);
        let all: Vec<_> = (0..1000).map(|_| random.around(mean)).collect();
        assert!(all.iter().all(|one| *one >= mean / 2 && *one <= mean * 3 / 2));
        let average = all.iter().sum::<Duration>() / 1000;
        assert!(average > mean * 9 / 10 && average < mean * 11 / 10, "{average:?}");
    }
}
