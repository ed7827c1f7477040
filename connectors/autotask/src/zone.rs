//! Where an account lives: each is in one of some thirty zones, and moves now and then.

use serde::Deserialize;
use tallysheet_core::{Context, Error, ErrorKind, Result};
use tallysheet_http::{Api, Call, Reply};

/// Where every account may ask.
const DISCOVERY: &str = "https://webservices2.autotask.net";
/// The vendor's own hosts.
const HOME: &str = ".autotask.net";

/// Asks for zones, without a credential.
pub(crate) struct Zones(Api);

#[derive(Deserialize)]
struct Zone {
    url: String,
}

impl Zones {
    /// Asks at `zone_url`, else at the vendor's own address.
    pub(crate) fn new(cx: &Context, zone_url: Option<&str>) -> Result<Self> {
        let cx = Context { url: Some(whole(zone_url.unwrap_or(DISCOVERY))), ..cx.clone() };
        let zones = Api::builder(&cx, None).classify(unknown_user).build();
        Ok(Self(zones.map_err(|error| error.context("`zone_url`"))?))
    }

    /// The address of the user's zone. The credential is shown there, so it must be the vendor's own.
    pub(crate) async fn of(&self, username: &str) -> Result<String> {
        let zone: Zone = self.0.json(&Call::get("").query("user", username)).await?;
        let url = format!("{}/V1.0", zone.url.trim_end_matches('/'));
        let unusable = || Error::bad_response("zone discovery names a zone whose address is none of the vendor's");
        let found = self.0.at(&url).map_err(|_| unusable())?;
        if found.host() != self.0.host() && !(found.host().ends_with(HOME) && url.starts_with("https://")) {
            return Err(unusable());
        }
        Ok(url)
    }
}

/// The whole address, of which users may write as much as they know.
fn whole(zone_url: &str) -> String {
    let (url, known) = (zone_url.trim_end_matches('/'), zone_url.trim_end_matches('/').to_lowercase());
    if known.ends_with("/zoneinformation") {
        return url.to_owned();
    }
    let rest = if known.ends_with("/v1.0") { "/zoneInformation" } else { "/atservicesrest/v1.0/zoneInformation" };
    format!("{url}{rest}")
}

fn unknown_user(reply: &Reply) -> Option<Error> {
    let is_refusal = matches!(reply.status(), 400 | 401 | 403 | 404)
        || (reply.status() == 500 && reply.json_at::<serde_json::Value>(&["/errors"]).ok().flatten().is_some());
    let message = "Autotask knows no zone for this `username`: check it, or set `url`";
    is_refusal.then(|| Error::new(ErrorKind::Auth, message))
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn the_address_may_be_written_in_part() {
        let wanted = "https://zones.example/atservicesrest/v1.0/zoneInformation";
        for written in ["https://zones.example", "https://zones.example/atservicesrest/v1.0/", wanted] {
            assert_eq!(whole(written), wanted);
        }
        assert_eq!(whole("https://z.example/V1.0/ZoneInformation"), "https://z.example/V1.0/ZoneInformation");
    }
}
