//! Shards as the log names them.
//!
//! Given shards; gives their numbers as ranges, so that a thousand of them are a short text.

use postrider_domain::ids::Shard;

/// "0-3,7" for the shards 7, 0, 1, 2 and 3.
pub fn shard_numbers(shards: impl IntoIterator<Item = Shard>) -> String {
    let mut numbers: Vec<u16> = shards.into_iter().map(|shard| shard.0).collect();
    numbers.sort_unstable();
    let ranges = numbers.chunk_by(|before, after| after.saturating_sub(*before) <= 1);
    let named = ranges.filter_map(|range| match (range.first()?, range.last()?) {
        (first, last) if first == last => Some(first.to_string()),
        (first, last) => Some(format!("{first}-{last}")),
    });
    named.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range() {
        let named = |numbers: &[u16]| shard_numbers(numbers.iter().copied().map(Shard));
        assert_eq!(named(&[]), "");
        assert_eq!(named(&[5]), "5");
        assert_eq!(named(&[7, 1, 0, 2, 9, 10, 65_535]), "0-2,7,9-10,65535");
    }
}
