//! The country of a time zone, so that a Page need not name both.

/// A country a line: its ISO 3166 code and its time zones, older names included.
const ZONES: &str = include_str!("zones.txt");

fn countries() -> impl Iterator<Item = (&'static str, &'static str)> {
    ZONES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
}

/// The country in which people set their clocks to `zone`; none for zones such as `UTC`.
pub(super) fn country_of(zone: &str) -> Option<&'static str> {
    countries().find(|(_, zones)| zones.split(' ').any(|name| name == zone)).map(|(country, _)| country)
}

/// Whether there is a country of this code.
pub(super) fn is_country(code: &str) -> bool {
    countries().any(|(country, _)| country == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_one_country_also_under_its_old_name() {
        for (zone, country) in [
            ("Asia/Tbilisi", Some("GE")),
            ("Europe/Kyiv", Some("UA")),
            ("Europe/Kiev", Some("UA")),
            ("America/Argentina/Buenos_Aires", Some("AR")),
            ("Iceland", Some("IS")),
            ("UTC", None),
            ("Tbilisi", None),
        ] {
            assert_eq!(country_of(zone), country, "{zone}");
        }
        assert!(is_country("GE") && !is_country("GEO") && !is_country("#") && !is_country("XX"));
    }
}
