use super::*;
use proptest::prelude::*;

#[test]
fn spellings_of_one_name_are_equal() {
    let names: &[&[&str]] = &[
        // English
        &[
            "Acme Dental",
            "ACME  DENTAL",
            "acme-dental",
            "Acme Dental, Inc.",
            "Acme Dental L.L.C.",
            "Acme Dental (Pty) Ltd",
            "AcmeDental™",
        ],
        &["Smith & Jones LLP", "Smith and Jones", "Smith&Jones, L.L.P.", "Smith ＆ Jones"],
        &["O'Brien Law PLLC", "O’Brien Law, P.L.L.C.", "OBrien Law"],
        &["Baker & Co. Ltd", "Baker and Company Limited", "Baker"],
        &["North Bay Corporation", "North Bay Corp.", "North Bay Company", "North Bay ULC"],
        // German
        &[
            "Müller Zahntechnik GmbH & Co. KG",
            "MULLER ZAHNTECHNIK",
            "Müller Zahntechnik Ges.m.b.H.",
            "Müller Zahntechnik G.m.b.H.",
        ],
        &["Groß UG (haftungsbeschränkt)", "Gross e.K.", "GROSS AG", "Groß OHG"],
        // French
        &["Café Crème S.A.R.L.", "Cafe Creme", "CAFÉ CRÈME S.à r.l.", "SAS Café Crème", "Café Crème S.A.S."],
        // Italian
        &["Studio Bianchi S.r.l.", "Studio Bianchi s. r. l.", "Studio Bianchi SpA", "Studio Bianchi S.p.A."],
        // Spanish
        &[
            "Peña Hermanos, S.L.",
            "Pena Hermanos SL",
            "Peña Hermanos S.A. de C.V.",
            "Peña Hermanos S. de R.L. de C.V.",
            "PEÑA HERMANOS S A",
        ],
        // Portuguese
        &["São João Lda.", "Sao Joao Ltda", "São João Unipessoal, Lda"],
        // Dutch
        &["De Vries B.V.", "De Vries BV", "DE VRIES N.V."],
        // Nordic
        &["Blåbær A/S", "Blabaer ApS", "Blåbær AS", "BLÅBÆR ASA"],
        &["Järvi Oy", "Oy Järvi Ab", "Jarvi Oyj"],
        // Polish, Czech, Hungarian, Croatian, Turkish
        &["Łódź Serwis Sp. z o.o.", "Lodz Serwis Sp. z o. o.", "Łódź Serwis sp. z o.o. sp.k."],
        &["Dvořák s.r.o.", "Dvorak, s. r. o.", "Dvořák spol. s r.o.", "Dvořák a.s."],
        &["Kovács Kft.", "Kovacs Zrt"],
        &["Horvat d.o.o.", "HORVAT D.D."],
        &["Yıldız A.Ş.", "Yildiz Ltd. Şti.", "YILDIZ"],
        // Greek, Russian, Hebrew
        &["Ήλιος Α.Ε.", "ΗΛΙΟΣ", "Ηλιος ΕΠΕ"],
        &["ООО «Берёзка»", "Березка", "БЕРЕЗКА ООО"],
        &["אלון בע\"מ", "אלון"],
        // Japanese, Chinese, Korean, Thai
        &["株式会社アクメ", "アクメ株式会社", "(株)アクメ", "㈱アクメ", "ｱｸﾒ"],
        &["远山科技有限公司", "远山科技股份有限公司", "远山科技"],
        &["주식회사 한빛", "한빛(주)", "한빛"],
        &["บริษัท ทองคำ จำกัด", "บริษัททองคำจำกัด (มหาชน)", "ทองคำ"],
    ];
    for spellings in names {
        let first = normalise(spellings[0]);
        assert!(!first.is_empty(), "{} became nothing", spellings[0]);
        for spelling in *spellings {
            assert_eq!(normalise(spelling), first, "{spelling} is {}", spellings[0]);
        }
    }
}

#[test]
fn different_customers_stay_different() {
    let pairs = [
        ("Smith Dental East", "Smith Dental West"),
        ("Smith Dental SE", "Smith Dental"),
        ("Acme 1", "Acme 2"),
        ("Acme 1 2", "Acme 12"),
        ("Acme 1/2", "Acme 12"),
        ("A+ Dental", "A Dental"),
        ("The Limited", "The Company"),
        ("AG", "KG"),
        ("Acme Holdings", "Acme Group"),
        ("Team A B", "Team A S"),
        ("かき", "がき"),
        ("Мой", "Мои"),
        ("Incline", "Cline"),
        ("Costa", "Sta"),
    ];
    for (one, other) in pairs {
        assert_ne!(normalise(one), normalise(other), "{one} / {other}");
    }
}

#[test]
fn a_legal_form_alone_is_the_name() {
    for (name, normal) in
        [("AG", "ag"), ("Co.", "co"), ("The Company", "thecompany"), ("株式会社", "株式会社"), ("AG Ltd", "ag")]
    {
        assert_eq!(normalise(name), normal);
    }
}

#[test]
fn only_a_name_without_letters_and_digits_is_nothing() {
    for nothing in ["", "  ", "---", "!!!", "🦷", "™", "\u{301}", "\u{200b}"] {
        assert_eq!(normalise(nothing), "", "{nothing:?}");
    }
    for name in ["日本", "ไทย", "हिन्दी", "7", "ʔ"] {
        assert_ne!(normalise(name), "", "{name}");
    }
}

#[test]
fn no_listed_form_is_lost_in_its_own_spelling() {
    for form in TRAILING {
        assert_eq!(normalise(&format!("Zebra {form}")), "zebra", "{form}");
    }
    for form in LEADING {
        assert_eq!(normalise(&format!("{form} Zebra")), "zebra", "{form}");
    }
}

/// Texts of the pieces that the rules look at, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(TRAILING),
        proptest::sample::select(LEADING),
        proptest::sample::select(ATTACHED),
        proptest::sample::select(
            &[
                "Acme", "1", "2", " ", "  ", ".", "/", "&", "+", "'", "é", "й", "が", "カ", "\u{301}", "\u{3099}", "İ",
                "ẞ", "™", "´", "The", "a", "ﷺ", "株", "有限", "公司", "ﬁ", "ΟΔΟΣ", "\u{345}",
            ][..]
        ),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(name in prop_oneof![pieces(), any::<String>()]) {
        let once = normalise(&name);
        prop_assert_eq!(normalise(&once), once);
    }

    #[test]
    fn case_and_outer_punctuation_do_not_count(name in "[A-Za-z0-9 ]{1,20}") {
        let normal = normalise(&name);
        prop_assert_eq!(normalise(&name.to_uppercase()), normal.clone());
        prop_assert_eq!(normalise(&format!(" \"{name}\" ")), normal);
    }
}
