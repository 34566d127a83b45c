//! Paths within the console, as they come from forms and go into redirects and links.

/// `path`, if it leads into this console; `None` for whatever a browser could take for another site.
pub fn local(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/console")?;
    let begins = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (begins && plain && !path.contains("//")).then_some(path)
}

/// A text, percent-encoded for use as a value of a query.
pub fn url_encoded(text: &str) -> impl Iterator<Item = String> {
    text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    })
}

/// The parameters that tell of the last action, for the flash line.
const FLASH: [&str; 7] = ["saved=", "known=", "snoozed=", "taken=", "again=", "too_old=", "called_off="];

/// A path without the parameters of the flash line.
pub fn without_flash(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !FLASH.iter().any(|name| pair.starts_with(name)))
        .collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_console_are_gone_to() {
        for path in ["/console", "/console/queue?state=done", "/console?x=1"] {
            assert_eq!(local(path), Some(path));
        }
        for path in [
            "",
            "/",
            "//evil.example",
            "/console//evil.example",
            "/consolevil",
            "https://evil.example/console",
            "/console/\\evil",
            "/console/\r\nSet-Cookie:x",
            "/console/queue next",
        ] {
            assert_eq!(local(path), None, "{path}");
        }
    }

    #[test]
    fn what_tells_of_the_last_action_is_dropped() {
        assert_eq!(without_flash("/console/queue?saved=1&known=1"), "/console/queue");
        assert_eq!(without_flash("/console/queue?state=done&snoozed=1"), "/console/queue?state=done");
    }
}
