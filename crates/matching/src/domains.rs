//! When a domain is a company's own. Mail providers and platforms give the same domain to everyone.

/// Providers of mail and web space, by their whole domain.
const PROVIDERS: &[&str] = &[
    "126.com",
    "163.com",
    "aim.com",
    "alice.it",
    "aol.com",
    "arcor.de",
    "att.net",
    "bellsouth.net",
    "bigpond.com",
    "bluewin.ch",
    "btinternet.com",
    "charter.net",
    "comcast.net",
    "cox.net",
    "daum.net",
    "duck.com",
    "earthlink.net",
    "email.com",
    "facebook.com",
    "fastmail.com",
    "fastmail.fm",
    "free.fr",
    "freenet.de",
    "frontier.com",
    "gmail.com",
    "googlemail.com",
    "hanmail.net",
    "hey.com",
    "home.nl",
    "hushmail.com",
    "icloud.com",
    "inbox.com",
    "instagram.com",
    "interia.pl",
    "juno.com",
    "kpnmail.nl",
    "laposte.net",
    "libero.it",
    "linkedin.com",
    "mac.com",
    "mail.com",
    "mail.de",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "netzero.net",
    "o2.pl",
    "onet.pl",
    "optonline.net",
    "optusnet.com.au",
    "orange.fr",
    "outlook.com",
    "planet.nl",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.ch",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "rocketmail.com",
    "rogers.com",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "shaw.ca",
    "sky.com",
    "skynet.be",
    "sympatico.ca",
    "t-online.de",
    "talktalk.net",
    "telenet.be",
    "telus.net",
    "tin.it",
    "tuta.com",
    "tuta.io",
    "tutanota.com",
    "usa.net",
    "verizon.net",
    "virgilio.it",
    "virginmedia.com",
    "wanadoo.fr",
    "web.de",
    "windowslive.com",
    "wp.pl",
    "xtra.co.nz",
    "ymail.com",
    "ziggo.nl",
    "zoho.com",
    "zohomail.com",
];

/// Providers with a domain in many countries: `hotmail.co.uk`.
const WORLDWIDE: &[&str] = &["gmx", "hotmail", "live", "outlook", "yahoo", "yandex"];

/// Where a vendor gives each tenant a name of its own.
const TENANTS: &[&str] = &["onmicrosoft.com", "onmicrosoft.de", "onmicrosoft.us", "onmschina.cn"];

/// Whether many customers may have this domain: it says nothing about whose it is. Takes a bare, lower-cased domain.
pub fn is_shared(domain: &str) -> bool {
    PROVIDERS.contains(&domain) || is_worldwide(domain) || TENANTS.iter().any(|tenant| is_below(domain, tenant))
}

fn is_worldwide(domain: &str) -> bool {
    let Some((name, rest)) = domain.split_once('.') else { return false };
    let country = rest.strip_prefix("co.").or_else(|| rest.strip_prefix("com.")).unwrap_or(rest);
    WORLDWIDE.contains(&name) && !country.contains('.')
}

fn is_below(domain: &str, tenant: &str) -> bool {
    domain.strip_suffix(tenant).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::is_shared;

    #[test]
    fn what_everyone_may_have_is_shared_and_nothing_else() {
        for domain in
            ["gmail.com", "hotmail.fr", "yahoo.co.uk", "live.com.au", "gmx.net", "acme.onmicrosoft.com", "web.de"]
        {
            assert!(is_shared(domain), "{domain}");
        }
        for domain in
            ["acme.example", "live.acme.com", "mygmail.com", "gmail.com.acme.example", "notonmicrosoft.com", "gmx"]
        {
            assert!(!is_shared(domain), "{domain}");
        }
    }
}
