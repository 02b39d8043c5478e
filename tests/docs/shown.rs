//! Compares shown and real output. Only times, ids and numbers may differ.

/// Units of time.
const UNITS: [&str; 6] = ["d", "day", "h", "min", "s", "ms"];

/// An omission: part of a line, or alone on a line, any number of lines.
const ANYTHING: char = '…';

/// Whether the shown lines match the printed lines, after masking variable parts.
pub fn is_as_shown(shown: &[String], printed: &[String]) -> bool {
    let Some((first, rest)) = shown.split_first() else { return printed.is_empty() };
    if first.trim() == ANYTHING.to_string() {
        return (0..=printed.len()).any(|skipped| is_as_shown(rest, &printed[skipped..]));
    }
    match printed.split_first() {
        Some((line, others)) => is_line(&masked(first), &masked(line)) && is_as_shown(rest, others),
        None => false,
    }
}

/// Whether the shown lines have no omission, so that they can be updated.
pub fn is_whole(shown: &[String]) -> bool {
    !shown.is_empty() && !shown.iter().any(|line| line.contains(ANYTHING))
}

fn is_line(shown: &str, printed: &str) -> bool {
    let Some((before, after)) = shown.split_once(ANYTHING) else { return shown == printed };
    let Some(rest) = printed.strip_prefix(before) else { return false };
    let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.any(|at| is_line(after, &rest[at..]))
}

/// Masks a line: numbers become 0, ids become `#`, times and spaces get a fixed form.
fn masked(line: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || "-_.:+".contains(letter);
    let mut masked = String::new();
    for piece in line.split_inclusive(|letter: char| !is_part(letter)) {
        let word = piece.trim_end_matches(|letter: char| !is_part(letter) || ".:-".contains(letter));
        masked.push_str(&masked_word(word));
        masked.push_str(&piece[word.len()..]);
    }
    without_times(&masked)
}

fn masked_word(word: &str) -> String {
    let is_id = word.len() >= 8 && word.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    // Some ids are all digits; only dates have dashes as well.
    let is_date = is_id && word.contains('-') && word.chars().all(|letter| letter.is_ascii_digit() || letter == '-');
    if is_id && !is_date {
        return "#".to_owned();
    }
    let mut masked = String::new();
    for letter in word.chars() {
        let is_repeated = masked.ends_with('0') && (letter.is_ascii_digit() || letter == '.');
        match letter {
            _ if is_repeated => {}
            letter if letter.is_ascii_digit() => masked.push('0'),
            letter => masked.push(letter),
        }
    }
    masked
}

/// Masks durations: `in 23 h 59 min` equals `in 1 d`.
fn without_times(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let mut kept: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let is_count = words[at].trim_start_matches('(') == "0";
        let unit = words.get(at + 1).map(|unit| unit.trim_end_matches([')', ',', '.', ';', 's']));
        let is_unit = unit.is_some_and(|unit| UNITS.iter().any(|known| known.trim_end_matches('s') == unit));
        if !(is_count && is_unit) {
            kept.push(if words[at] == "now" { "TIME ago".to_owned() } else { words[at].to_owned() });
            at += 1;
            continue;
        }
        let (before, after) = (words[at].trim_end_matches('0'), words[at + 1].trim_start_matches(char::is_alphabetic));
        match kept.last_mut() {
            Some(last) if last == "TIME" => last.push_str(after),
            _ => kept.push(format!("{before}TIME{after}")),
        }
        at += 2;
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn times_ids_and_numbers_are_masked() {
        for (shown, printed) in [
            ("createSecret  done  12 ms", "createSecret  done   3 ms"),
            ("expires 2026-01-02T03:04:05Z (in 23 h 59 min)", "expires 2027-11-12T13:14:15Z (in 1 day)"),
            ("a4f5c1d2  AWSCURRENT", "00c9d3e1      AWSCURRENT"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:35719/"),
            ("{\"client_id\": \"…\"}", "{\"client_id\": \"my-id\"}"),
            ("first\n…\nlast", "first\nsecond\nthird\nlast"),
            ("took 1.5 s", "took 12.25 s"),
            ("the token #bdc1db8a: it works", "the token #deadbeef: it works"),
            ("the token #bdc1db8a: it works", "the token #98907283: it works"),
            ("rotated now", "rotated 2 s ago"),
        ] {
            assert!(is_as_shown(&lines(shown), &lines(printed)), "{shown} / {printed}");
        }
    }

    #[test]
    fn other_differences_are_found() {
        for (shown, printed) in [
            ("createSecret  done  12 ms", "createSecret  failed  12 ms"),
            ("one\ntwo", "one"),
            ("one", "one\ntwo"),
            ("the client … works", "the client my-id does not"),
            ("AWSCURRENT", "AWSPENDING"),
            ("in 3 h", "3 h ago"),
        ] {
            assert!(!is_as_shown(&lines(shown), &lines(printed)), "{shown} / {printed}");
        }
    }
}
