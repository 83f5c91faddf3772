//! Calendar time.

/// Seconds since 1970 as `2026-11-22 16:59:58`, UTC.
///
/// Days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
///
/// ```
/// assert_eq!("2026-11-22 16:59:58", transform_rs::jsonl::time::ftime(1_795_366_798));
/// ```
pub fn ftime(seconds: u32) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}", second % 60)
}
