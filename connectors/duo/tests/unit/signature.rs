use super::*;

const SECRET: &str = "tallysheetInventedSecretKey0123456789abc";
const DATE: &str = "Tue, 03 Mar 2026 09:15:42 -0000";
const LIST: Canonical = Canonical {
    date: DATE,
    method: "POST",
    host: "api-0a1b2c3d.duosecurity.com",
    path: "/accounts/v1/account/list",
    query: "",
    body: b"{}",
};
const SUMMARY: Canonical = Canonical {
    date: DATE,
    method: "GET",
    host: "api-4e5f6a7b.duosecurity.com",
    path: "/admin/v1/info/summary",
    query: "account_id=DAZXCVBNM1ASDFGHJKL2",
    body: b"",
};
const OF_NOTHING: &str = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
    47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
const OF_BRACES: &str = "27c74670adb75075fad058d5ceaf7b20c4e7786c83bae8a32f626f9782af34c9\
    a33c2046ef60fd2a7878d378e29fec851806bbd9a67878f3a9f1cda4830763fd";

/// Made with the vendor's own Python client, and again by hand.
const LIST_SIGNED: &str = "15820f42f6b5c5889e7b2d5abc848c6a4d5c3bf493f48033311fae3050d21b76\
    7248c4b019cc383ae8d12a664bccdb97cf11657cbfcddfed592c2769a807fe4c";

fn signed(request: &Canonical) -> String {
    request.signature(&Secret::new(SECRET)).unwrap()
}

#[test]
fn seven_lines_are_signed() {
    let lines = [DATE, "POST", "api-0a1b2c3d.duosecurity.com", "/accounts/v1/account/list", "", OF_BRACES, OF_NOTHING];
    assert_eq!(LIST.lines(), lines.join("\n"));
}

#[test]
fn signatures_are_those_of_the_vendors_client() {
    assert_eq!(signed(&LIST), LIST_SIGNED);
    assert_eq!(
        signed(&SUMMARY),
        "aeef30a76ea6c6da7fb358347797303efdadde72df4155163040c87282c47a37\
         6bf5e78086a7eb9f97615254c6f6427a04912a1d5ab181c447fcd00fc007a639"
    );
    let users = "442075fd31864ba816f748a664a8e5ede3c42d08eccf312581121c4b5ef15450\
                 a2c7ae15b161e49bace63f1d9494282a4e3f9daf733ff07ed5f293547cef83af";
    // In whatever order the parameters are sent.
    for query in
        ["account_id=DAZXCVBNM1ASDFGHJKL2&limit=300&offset=300", "offset=300&limit=300&account_id=DAZXCVBNM1ASDFGHJKL2"]
    {
        assert_eq!(signed(&Canonical { path: "/admin/v1/users", query, ..SUMMARY }), users);
    }
}

#[test]
fn the_host_is_signed_in_lower_case_and_a_line_end_behind_a_secret_is_none_of_it() {
    assert_eq!(signed(&Canonical { host: "API-0A1B2C3D.duosecurity.com", ..LIST }), LIST_SIGNED);
    assert_eq!(LIST.signature(&Secret::new(format!("{SECRET}\n"))).unwrap(), LIST_SIGNED);
}

#[test]
fn whatever_is_signed_changes_the_signature() {
    for other in [
        Canonical { date: "Tue, 03 Mar 2026 09:15:43 -0000", ..LIST },
        Canonical { method: "GET", ..LIST },
        Canonical { host: "api-0a1b2c3e.duosecurity.com", ..LIST },
        Canonical { path: "/accounts/v1/account/create", ..LIST },
        Canonical { body: b"", ..LIST },
    ] {
        assert_ne!(signed(&other), LIST_SIGNED);
    }
}
