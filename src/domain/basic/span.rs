//! Durations as people write them in settings: `0s`, `30m`, `24h`, `3d`.

use std::time::Duration;

/// The letter and the seconds of each unit, the largest first.
const UNITS: [(&str, u64); 4] = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)];

/// Parses a whole number with its unit. `None` for anything else, also for a sign, a fraction or a blank.
pub fn parse(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    if !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(count.parse::<u64>().ok()?.checked_mul(seconds)?))
}

/// Writes a duration in the largest unit in which it is a whole number; parts of a second are cut off.
pub fn text(span: Duration) -> String {
    let seconds = span.as_secs();
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| seconds > 0 && seconds.is_multiple_of(*size))
        .unwrap_or(UNITS[UNITS.len() - 1]);
    format!("{}{unit}", seconds / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (written, seconds) in [("0s", 0), ("30m", 1800), ("36h", 129_600), ("3d", 259_200), ("90s", 90)] {
            assert_eq!(parse(written), Some(Duration::from_secs(seconds)));
            assert_eq!(text(Duration::from_secs(seconds)), written);
        }
        assert_eq!(parse("72h").map(text), Some("3d".to_owned()));
        for wrong in ["", "m", "30", "-1m", "+1m", "1.5h", "30მ", "30 m", "99999999999999999999d", "1w"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
