//! Graph's calls about a person (Meta's documentation of the User Profile API): their name, and their picture.

use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;

use crate::domain::basic::identity::PersonId;
use crate::meta::call::{CallFailure, text};
use crate::meta::events::graph::{GRAPH_DEADLINE, Graph};

/// The largest picture that is kept: pictures are stored in the rows of customers.
const PICTURE_BYTES_MAX: usize = 200 * 1024;

/// The ends of the hosts at which Meta keeps pictures. Nothing is loaded from elsewhere, so that an answer cannot lead
/// us to a machine inside of our own network.
const PICTURE_HOSTS: [&str; 3] = [".fbcdn.net", ".fbsbx.com", ".cdninstagram.com"];

/// Characters of a name that are kept.
const NAME_MAX: usize = 100;

/// What Meta shows of a person. Personal data: it never shows in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Profile {
    /// First and last name, or Meta's `name`; up to 100 characters, none of control.
    pub name: Option<String>,
    /// The address of the picture, `profile_pic`; such addresses expire, so that the picture itself is kept.
    pub picture: Option<String>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

impl Graph {
    /// What Meta shows of a person who has written to the Page.
    ///
    /// # Errors
    /// The call failed; for some people Meta never shows a profile.
    pub async fn profile(&self, token: &SecretString, psid: &PersonId) -> Result<Profile, CallFailure> {
        let fields = [("fields", "name,first_name,last_name,profile_pic")];
        let answer = self.call(Method::GET, psid.as_str(), token, &fields).await?;
        Ok(read(&answer))
    }

    /// Loads a picture. `None` if the address is not Meta's, or what is there is too large, no picture, or can't be had:
    /// a picture is never worth an error.
    pub async fn picture(&self, address: &str) -> Option<Vec<u8>> {
        let url = reqwest::Url::parse(address).ok()?;
        let is_of_meta = url.scheme() == "https"
            && url.host_str().is_some_and(|host| PICTURE_HOSTS.iter().any(|end| host.ends_with(end)));
        if !is_of_meta && !self.is_at(&url) {
            return None;
        }
        let load = async {
            let mut response = self.client.get(url).send().await.ok()?;
            if !response.status().is_success() {
                return None;
            }
            let mut bytes = Vec::new();
            while let Some(piece) = response.chunk().await.ok()? {
                if bytes.len() + piece.len() > PICTURE_BYTES_MAX {
                    return None;
                }
                bytes.extend_from_slice(&piece);
            }
            picture_type(&bytes).is_some().then_some(bytes)
        };
        tokio::time::timeout(GRAPH_DEADLINE, load).await.ok().flatten()
    }
}

/// The media type of a picture, by its first bytes. Nothing else is served to a browser, which would run an SVG's
/// scripts.
pub fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

fn read(answer: &Value) -> Profile {
    let first_and_last = || {
        let parts = [text(answer, "first_name"), text(answer, "last_name")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    let name = first_and_last().or_else(|| text(answer, "name"));
    let plain =
        |name: String| name.chars().filter(|letter| !letter.is_control()).take(NAME_MAX).collect::<String>();
    let name = name.map(plain).filter(|name| !name.trim().is_empty());
    Profile { name, picture: text(answer, "profile_pic") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_read_from_any_of_its_members() {
        let name = |answer: Value| read(&answer).name;
        assert_eq!(
            name(json!({"first_name": "ნინო", "last_name": "ბერიძე"})).as_deref(),
            Some("ნინო ბერიძე")
        );
        assert_eq!(name(json!({"first_name": "Ann", "id": "1"})).as_deref(), Some("Ann"));
        assert_eq!(name(json!({"name": "ann.shop", "first_name": ""})).as_deref(), Some("ann.shop"));
        assert_eq!(name(json!({"id": "1", "name": "\n"})), None);
        assert_eq!(format!("{:?}", read(&json!({"name": "Ann"}))), "Profile { .. }");
    }

    #[tokio::test]
    async fn pictures_come_from_meta_alone() {
        let graph =
            Graph::new(crate::http_client::client().unwrap(), "http://127.0.0.1:1".into(), "v26.0".into());
        for address in [
            "http://169.254.169.254/x",
            "https://evilfbcdn.net/x",
            "file:///etc/passwd",
            "x",
            "http://127.0.0.1:2/x",
        ] {
            assert_eq!(graph.picture(address).await, None, "{address}");
        }
        assert_eq!(picture_type(b"<svg>"), None);
    }
}
