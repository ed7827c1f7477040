//! Scores on a made-up list that is nasty on purpose: legal forms of many languages, small words, diacritics,
//! abbreviations, swapped words, other names, and customers that are nearly called alike. No wrong one may be certain.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and tells what it measured")]

use std::collections::BTreeMap;
use tallysheet_core::merge::KeyedCompany;
use tallysheet_core::{Company, Hint, Link, VendorOrg};
use tallysheet_matching::{CERTAIN, Known, Part, Subject, keyed, suggest};

/// The companies: name, domain, id in the PSA.
const COMPANIES: &[(&str, &str, &str)] = &[
    ("Smith Dental East", "smithdental.example", "101"),
    ("Smith Dental West", "", "102"),
    ("Smith Dental", "", "103"),
    ("Acme Widgets 1", "", "104"),
    ("Acme Widgets 2", "", "105"),
    ("Acme Holdings", "", "106"),
    ("Acme Group", "", "107"),
    ("The Smile Studio", "smile.example", "108"),
    ("Smile Studios", "", "109"),
    ("Jones & Smith LLP", "jonessmith.example", "110"),
    ("Smith & Jones LLP", "", "111"),
    ("Müller Zahntechnik GmbH & Co. KG", "mueller.example", "112"),
    ("Miller Zahntechnik GmbH", "", "113"),
    ("Café Crème S.à r.l.", "", "114"),
    ("Studio Bianchi S.r.l.", "bianchi.example", "115"),
    ("Peña Hermanos, S.A. de C.V.", "", "116"),
    ("São João Lda.", "", "117"),
    ("De Vries Logistiek B.V.", "", "118"),
    ("Blåbær A/S", "", "119"),
    ("Järvi Oy", "", "120"),
    ("Łódź Serwis Sp. z o.o.", "", "121"),
    ("Dvořák s.r.o.", "", "122"),
    ("ООО «Берёзка»", "", "123"),
    ("株式会社アクメ", "", "124"),
    ("Harbor Manufacturing Services Inc.", "harbor-mfg.example", "125"),
    ("Harbor Marketing Services Inc.", "", "126"),
    ("St. Mary's Hospital", "", "127"),
    ("St. Marys Hospice", "", "128"),
    ("First National Bank of Ohio", "", "129"),
    ("Second National Bank of Ohio", "", "130"),
    ("Alpha Beta Construction LLC", "abc-build.example", "131"),
    ("O'Brien & Sons Plumbing", "", "132"),
    ("Quarry Lane Legal LLP", "quarrylane.example", "133"),
    ("Quarry Hill Legal LLP", "", "134"),
    ("Northgate Elementary School", "", "135"),
    ("Northgate High School", "", "136"),
    ("Greenfield Property Group 12", "", "137"),
    ("Greenfield Property Group 21", "", "138"),
    ("A & B Electric", "", "139"),
    ("AB Electric", "", "140"),
    ("Kestrel Accounting", "kestrel.example", "141"),
    ("Kestrel Bakery", "", "142"),
    ("Rowan Tree Pediatrics", "", "143"),
    ("Westbrook Chiropractic Center", "", "144"),
    ("Eastbrook Chiropractic Center", "", "145"),
    ("Dental Arts", "", "146"),
    ("Pine Street Partners", "pinestreet.example", "147"),
    ("Pine Street Capital", "", "148"),
    ("Lakeside Veterinary Clinic", "", "149"),
    ("Lakeview Veterinary Clinic", "", "150"),
    ("Fernhill Care Home", "fernhill.example", "151"),
    ("Ashford Borough Council", "", "152"),
    ("Ashford Parish Council", "", "153"),
    ("Mercer Jewellers", "", "154"),
    ("Grey Wolf Security", "", "155"),
    ("Gray Wolf Logistics", "", "156"),
    ("Vitale Ortopedia S.p.A.", "", "157"),
    ("Thompson Family Practice", "", "158"),
    ("Thomson Family Practice", "", "159"),
    ("Clover Point Insurance Agency", "cloverpoint.example", "160"),
];

/// What one vendor has: name, what else it holds, and which company it truly is.
enum Holds {
    Nothing,
    Domain(&'static str),
    Contact(&'static str),
    Reference(&'static str),
    Psa(&'static str),
    Other(&'static str),
}
use Holds::{Contact, Domain, Nothing, Other, Psa, Reference};

const ORGS: &[(&str, Holds, Option<&str>)] = &[
    ("SMITH DENTAL WEST, LLC", Nothing, Some("Smith Dental West")),
    ("Smith Dental North", Domain("smithdental.example"), None),
    ("Smith Dental South", Nothing, None),
    ("Acme Widgets 3", Nothing, None),
    ("acme widgets 2 ltd", Nothing, Some("Acme Widgets 2")),
    ("Acme Hldgs", Nothing, Some("Acme Holdings")),
    ("Acme Capital", Nothing, None),
    ("Smile Studio", Nothing, Some("The Smile Studio")),
    ("Jones and Smith", Nothing, Some("Jones & Smith LLP")),
    ("MUELLER ZAHNTECHNIK", Domain("mueller.example"), Some("Müller Zahntechnik GmbH & Co. KG")),
    ("Miller Zahntechnik", Nothing, Some("Miller Zahntechnik GmbH")),
    ("CAFE CREME SARL", Nothing, Some("Café Crème S.à r.l.")),
    ("Bianchi Studio", Contact("bianchi.example"), Some("Studio Bianchi S.r.l.")),
    ("Pena Hermanos", Nothing, Some("Peña Hermanos, S.A. de C.V.")),
    ("Sao Joao Unipessoal Lda", Nothing, Some("São João Lda.")),
    ("Vries Logistiek, De", Nothing, Some("De Vries Logistiek B.V.")),
    ("Blabaer ApS", Nothing, Some("Blåbær A/S")),
    ("Oy Järvi Ab", Nothing, Some("Järvi Oy")),
    ("Lodz Serwis", Nothing, Some("Łódź Serwis Sp. z o.o.")),
    ("Dvorak spol. s r.o.", Nothing, Some("Dvořák s.r.o.")),
    ("Березка", Nothing, Some("ООО «Берёзка»")),
    ("アクメ", Nothing, Some("株式会社アクメ")),
    ("Harbor Mfg Svcs", Nothing, Some("Harbor Manufacturing Services Inc.")),
    ("Harbor Mktg Services", Nothing, Some("Harbor Marketing Services Inc.")),
    ("Harbor Medical Services", Nothing, None),
    ("St Marys Hosp", Nothing, Some("St. Mary's Hospital")),
    ("First Natl Bank Ohio", Nothing, Some("First National Bank of Ohio")),
    ("Third National Bank of Ohio", Nothing, None),
    ("ABC", Contact("abc-build.example"), Some("Alpha Beta Construction LLC")),
    ("OBrien and Sons Plumbing", Nothing, Some("O'Brien & Sons Plumbing")),
    ("Quarry Lane Solicitors", Domain("quarrylane.example"), Some("Quarry Lane Legal LLP")),
    ("Quarry Hill", Nothing, Some("Quarry Hill Legal LLP")),
    ("Northgate Middle School", Nothing, None),
    ("Northgate High", Nothing, Some("Northgate High School")),
    ("Greenfield Property Grp 21", Nothing, Some("Greenfield Property Group 21")),
    ("Greenfield Property Group 22", Nothing, None),
    ("AB Elec", Nothing, Some("AB Electric")),
    ("A&B Elec.", Nothing, Some("A & B Electric")),
    ("Kestrel", Domain("kestrel.example"), Some("Kestrel Accounting")),
    ("Kestrel Roofing", Nothing, None),
    ("Rowan Tree Peds", Nothing, Some("Rowan Tree Pediatrics")),
    ("Westbrook Chiro Ctr", Nothing, Some("Westbrook Chiropractic Center")),
    ("Northbrook Chiropractic Center", Nothing, None),
    ("The Dental Arts", Nothing, Some("Dental Arts")),
    ("Dental", Nothing, None),
    ("Pine St Partners", Psa("147"), Some("Pine Street Partners")),
    ("Pine Street Ventures", Domain("pinestreet.example"), None),
    ("Lakeside Vet Clinic", Nothing, Some("Lakeside Veterinary Clinic")),
    ("Lakeland Veterinary Clinic", Nothing, None),
    ("FCH", Other("Fernhill Care Home"), Some("Fernhill Care Home")),
    ("Ashford Town Council", Nothing, None),
    ("Mercer Jewelers", Nothing, Some("Mercer Jewellers")),
    ("Gray Wolf Security", Nothing, Some("Grey Wolf Security")),
    ("Ortopedia Vitale", Reference("157"), Some("Vitale Ortopedia S.p.A.")),
    ("Thomson Family Practice PLLC", Nothing, Some("Thomson Family Practice")),
    ("Tompson Family Practice", Nothing, None),
    ("Brightwater Ltd", Domain("cloverpoint.example"), Some("Clover Point Insurance Agency")),
    ("Managed", Nothing, None),
    ("Test", Nothing, None),
    ("", Nothing, None),
];

fn companies() -> Vec<KeyedCompany> {
    let company = |(name, domain, id): &(&str, &str, &str)| Company {
        name: (*name).to_owned(),
        domains: Some(*domain).filter(|domain| !domain.is_empty()).map(str::to_owned).into_iter().collect(),
        links: BTreeMap::from([("autotask".to_owned(), Link::Ids(vec![(*id).to_owned()]))]),
        carried: Vec::new(),
    };
    keyed(COMPANIES.iter().map(company).collect())
}

fn org(number: usize, name: &str, holds: &Holds) -> VendorOrg {
    let org = VendorOrg::new(format!("v{number}"), name);
    match holds {
        Nothing => org,
        Domain(domain) => org.domain(domain),
        Contact(domain) => org.contacts(&[format!("it@{domain}")]),
        Reference(id) => org.hint(Hint::Reference((*id).to_owned())),
        Psa(id) => org.psa_id("autotask", id),
        Other(name) => org.hint(Hint::Name((*name).to_owned())),
    }
}

#[test]
fn no_wrong_one_is_certain_and_nearly_every_right_one_is_first() {
    let companies = companies();
    let orgs: Vec<VendorOrg> =
        ORGS.iter().enumerate().map(|(number, (name, holds, _))| org(number, name, holds)).collect();
    let subjects = orgs.iter().map(|org| Subject { org, known: Known::Open }).collect();
    let parts = [Part { integration: "vendor", kind: "huntress", orgs: subjects }];
    let psa_columns = BTreeMap::from([("autotask".to_owned(), Vec::new())]);
    let suggestions = suggest(&companies, &psa_columns, &parts);

    let (mut right, mut certain, mut known) = (0, 0, 0);
    let mut wrong = Vec::new();
    for (suggestion, (name, _, truth)) in suggestions.iter().zip(ORGS) {
        let best = suggestion.best().map(|best| (companies[best.company].company.name.as_str(), best));
        let told = best
            .as_ref()
            .map(|(company, best)| format!("{company} {} {:?} {:?}", best.score, best.evidence, best.doubts));
        known += u32::from(truth.is_some());
        if best.is_some() && best.as_ref().map(|(company, _)| *company) == *truth {
            right += 1;
            certain += u32::from(best.is_some_and(|(_, best)| best.score >= CERTAIN));
        } else if truth.is_some() {
            println!("not first: {name}: {told:?}");
        } else if best.as_ref().is_some_and(|(_, best)| best.score >= CERTAIN) {
            wrong.push(format!("{name}: {told:?}"));
        }
        if let (Some(truth), Some((company, best))) = (truth, best)
            && company != *truth
            && best.score >= CERTAIN
        {
            wrong.push(format!("{name}: {told:?}"));
        }
    }
    println!(
        "{known} orgs are a company's: {right} have it first, {certain} of them are certain; wrong: {}",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(right * 100 >= known * 97, "{right} of {known}");
    assert!(certain * 100 >= known * 70, "{certain} of {known}");
}
