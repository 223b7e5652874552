//! What may be called: anything over https, and in clear only what does not leave this machine.

use http::Uri;

/// What [`is_safe`] asks for, in words.
pub const URL_RULE: &str = "must be https://host/path, or http:// on the loopback interface";

/// Whether a URL is https, or http to a loopback address; without a user in it, which would be a secret in clear.
pub fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    !host.is_empty()
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_this_machine(host),
            _ => false,
        }
}

/// Whether a host is a loopback address, or the name of one.
pub fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_called_in_clear() {
        for good in
            ["https://crm.example/hooks?x=1", "http://127.0.0.1:1/a", "http://localhost/", "http://[::1]:2/"]
        {
            assert!(is_safe(good), "{good}");
        }
        for bad in
            ["", "crm.example", "http://crm.example/", "ftp://127.0.0.1/", "https://u:p@crm.example/", "/x"]
        {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
