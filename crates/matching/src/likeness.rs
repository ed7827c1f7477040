//! How much two names are alike that are not equal: for suggestions, never for a match.
//!
//! Words that both have speak for one customer, words that only one has against it. A word that many companies have says
//! little, and where each name has a word of its own, they are two customers until someone has looked.

use crate::names::{core_words, normalise};
use std::collections::BTreeMap;

/// A name, taken apart once and compared often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spelled {
    /// The name as [`normalise`] makes it.
    pub(crate) normal: String,
    /// Its words without small words, abbreviations written out, in order.
    pub(crate) words: Vec<String>,
    /// The words as one text.
    pub(crate) joined: String,
    /// The same, sorted.
    pub(crate) sorted: String,
    /// What is left where spelling is forgiven.
    pub(crate) skeleton: String,
}

impl Spelled {
    pub(crate) fn new(name: &str) -> Self {
        let normal = normalise(name);
        let words = plain_words(name);
        let mut sorted = words.clone();
        sorted.sort_unstable();
        let skeleton = words.iter().map(|word| skeleton(word)).collect::<Vec<_>>().concat();
        Self { normal, joined: words.join(" "), sorted: sorted.join(" "), skeleton, words }
    }

    /// The first letters, by which names meet that share no whole word.
    pub(crate) fn beginning(&self) -> Option<&str> {
        self.normal.char_indices().nth(BEGINNING).map(|(end, _)| &self.normal[..end])
    }

    fn is_short(&self) -> bool {
        self.normal.chars().nth(SHORT).is_none()
    }
}

/// So many letters are a beginning that two names do not share by chance.
const BEGINNING: usize = 6;
/// A name of so few letters says nothing but by itself.
const SHORT: usize = 3;

/// Words that do not tell customers apart.
const SMALL: &[&str] =
    &["the", "and", "of", "a", "an", "la", "le", "les", "el", "los", "die", "der", "das", "und", "et"];

/// Abbreviations and other spellings of words that many names have.
const WRITTEN_OUT: &[(&str, &str)] = &[
    ("acct", "accounting"),
    ("admin", "administration"),
    ("amer", "american"),
    ("assn", "association"),
    ("assoc", "associates"),
    ("assocs", "associates"),
    ("ave", "avenue"),
    ("bldg", "building"),
    ("blvd", "boulevard"),
    ("bros", "brothers"),
    ("centre", "center"),
    ("centres", "centers"),
    ("chiro", "chiropractic"),
    ("comms", "communications"),
    ("commun", "community"),
    ("constr", "construction"),
    ("ctr", "center"),
    ("dept", "department"),
    ("dist", "distribution"),
    ("distr", "distribution"),
    ("elec", "electric"),
    ("eng", "engineering"),
    ("engr", "engineering"),
    ("engrg", "engineering"),
    ("envir", "environmental"),
    ("equip", "equipment"),
    ("ftn", "fountain"),
    ("govt", "government"),
    ("gp", "group"),
    ("grp", "group"),
    ("hldgs", "holdings"),
    ("hosp", "hospital"),
    ("hts", "heights"),
    ("hwy", "highway"),
    ("ins", "insurance"),
    ("inst", "institute"),
    ("intl", "international"),
    ("lab", "laboratory"),
    ("labs", "laboratories"),
    ("mfg", "manufacturing"),
    ("mgmt", "management"),
    ("mgt", "management"),
    ("mkt", "market"),
    ("mktg", "marketing"),
    ("mt", "mount"),
    ("mtn", "mountain"),
    ("muni", "municipal"),
    ("natl", "national"),
    ("ofc", "office"),
    ("ortho", "orthodontics"),
    ("peds", "pediatrics"),
    ("pkwy", "parkway"),
    ("prods", "products"),
    ("props", "properties"),
    ("rd", "road"),
    ("sch", "school"),
    ("soc", "society"),
    ("svc", "service"),
    ("svcs", "services"),
    ("sys", "systems"),
    ("techs", "technologies"),
    ("theatre", "theater"),
    ("transp", "transportation"),
    ("univ", "university"),
    ("vet", "veterinary"),
    ("whse", "warehouse"),
];

/// Words of which two customers have each another one.
const TELL_APART: &[&[&str]] = &[
    &[
        "east",
        "west",
        "north",
        "south",
        "central",
        "northeast",
        "northwest",
        "southeast",
        "southwest",
        "ne",
        "nw",
        "se",
        "sw",
    ],
    &["eastern", "western", "northern", "southern"],
    &["uptown", "downtown", "midtown"],
    &["upper", "lower", "middle", "inner", "outer"],
    &["old", "new"],
    &["big", "little", "great", "small"],
    &["boys", "girls"],
    &["junior", "senior", "jr", "sr"],
    &["one", "two", "three", "four", "five", "six"],
    &["first", "second", "third", "fourth"],
    &["i", "ii", "iii", "iv", "v", "vi"],
    &["primary", "secondary", "elementary", "middle", "high"],
    &["holding", "holdings", "group", "capital", "partners"],
];

fn plain_words(name: &str) -> Vec<String> {
    let all = core_words(name);
    let is_letter = |word: Option<&String>| word.is_some_and(|word| word.chars().nth(1).is_none());
    let mut words: Vec<String> = Vec::new();
    for (place, word) in all.iter().enumerate() {
        // `A & B` is not `AB`.
        let between_letters =
            is_letter(place.checked_sub(1).and_then(|before| all.get(before))) && is_letter(all.get(place + 1));
        let small = SMALL.contains(&word.as_str()) && !between_letters;
        let letter = word == "a" && is_letter(all.get(place + 1));
        if small && !letter {
            continue;
        }
        let long = WRITTEN_OUT.binary_search_by_key(&word.as_str(), |(short, _)| short);
        words.push(long.map_or_else(|_| word.clone(), |found| WRITTEN_OUT[found].1.to_owned()));
    }
    if words.is_empty() { all } else { words }
}

/// The word as it may be heard: umlauts spelled either way, doubled letters, vowels behind the first letter, `ph` as `f`.
fn skeleton(word: &str) -> String {
    let folded = word.replace("ph", "f").replace("ck", "k").replace('c', "k").replace('z', "s").replace('y', "i");
    let mut bones = String::new();
    for (place, c) in folded.chars().enumerate() {
        let is_vowel = matches!(c, 'a' | 'e' | 'i' | 'o' | 'u');
        if (place == 0 || !is_vowel) && (c.is_numeric() || !bones.ends_with(c)) {
            bones.push(c);
        }
    }
    bones
}

/// How two names are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// They are equal as [`normalise`] sees it.
    Same,
    /// They differ in small words and abbreviations only.
    WrittenOut,
    /// They have the same words in another order.
    OtherOrder,
    /// They differ in spelling only.
    Spelling,
    /// One has all words of the other, and these besides.
    Longer(Vec<String>),
    /// The same, and what it has besides is a number or a direction, by which customers are told apart.
    Branch(Vec<String>),
    /// One is made of the first letters of the other.
    Initials,
    /// They have these words in common; each has others besides.
    Common(Vec<String>),
    /// They differ in this: two customers have such names.
    Apart(String, String),
    /// They have nothing in common.
    None,
}

/// How likely these are two spellings of one customer's name, of 100, and how they are alike. `weight` says how much a
/// word tells: little, where many have it.
pub(crate) fn likeness(one: &Spelled, other: &Spelled, weight: &dyn Fn(&str) -> f32) -> (u8, Likeness) {
    if one.normal.is_empty() || other.normal.is_empty() {
        return (0, Likeness::None);
    }
    if one.normal == other.normal {
        return (92, Likeness::Same);
    }
    if one.joined == other.joined {
        return (if one.is_short() { 60 } else { 88 }, Likeness::WrittenOut);
    }
    if one.words.len() > 1 && one.sorted == other.sorted {
        return (80, Likeness::OtherOrder);
    }
    if let Some(initials) = initials(one, other).or_else(|| initials(other, one)) {
        return initials;
    }
    by_words(one, other, weight)
}

fn initials(short: &Spelled, long: &Spelled) -> Option<(u8, Likeness)> {
    let letters: String = long.words.iter().filter_map(|word| word.chars().next()).collect();
    let matches = short.words.len() == 1 && long.words.len() >= 3 && short.words[0] == letters;
    matches.then_some((55, Likeness::Initials))
}

fn by_words(one: &Spelled, other: &Spelled, weight: &dyn Fn(&str) -> f32) -> (u8, Likeness) {
    let (common, mut ours, mut theirs) = shared(&one.words, &other.words);
    if let Some((ours, theirs)) = told_apart(&ours, &theirs) {
        return (25, Likeness::Apart(ours.to_owned(), theirs.to_owned()));
    }
    let forgiven = forgive(&mut ours, &mut theirs);
    let sum = |words: &[&str]| words.iter().map(|word| weight(word)).sum::<f32>();
    let of_common = sum(&common) + sum(&forgiven);
    match (ours.is_empty(), theirs.is_empty()) {
        (true, true) => (if one.is_short() || other.is_short() { 40 } else { 76 }, Likeness::Spelling),
        (false, false) if one.skeleton == other.skeleton && one.skeleton.len() >= BEGINNING => (74, Likeness::Spelling),
        (false, false) if of_common == 0.0 => (0, Likeness::None),
        (false, false) => {
            let part = of_common / (of_common + sum(&ours) + sum(&theirs));
            (percent(60.0 * part), Likeness::Common(owned(common.iter().chain(&forgiven))))
        }
        _ => {
            let more = if ours.is_empty() { theirs } else { ours };
            // The name of a place behind the name of a company is perhaps its other house, perhaps another company.
            let divides =
                more.iter().any(|word| is_number(word) || TELL_APART.iter().any(|words| words.contains(word)));
            let part = of_common / (of_common + sum(&more));
            let most: f32 = if divides { 45.0 } else { 72.0 };
            let least: f32 = if forgiven.is_empty() { 40.0 } else { 30.0 };
            let score = percent((most - least).mul_add(part, least).min(most));
            (score, if divides { Likeness::Branch(owned(more.iter())) } else { Likeness::Longer(owned(more.iter())) })
        }
    }
}

fn percent(of_100: f32) -> u8 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
    let percent = of_100.clamp(0.0, 100.0) as u8;
    percent
}

fn owned<'a>(words: impl Iterator<Item = &'a &'a str>) -> Vec<String> {
    words.map(|word| (*word).to_owned()).collect()
}

/// The words that both have, and those that only one has.
fn shared<'a>(ours: &'a [String], theirs: &'a [String]) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for word in theirs {
        *open.entry(word).or_default() += 1;
    }
    let (mut common, mut only_ours) = (Vec::new(), Vec::new());
    for word in ours {
        match open.get_mut(word.as_str()) {
            Some(left @ 1..) => {
                *left -= 1;
                common.push(word.as_str());
            }
            _ => only_ours.push(word.as_str()),
        }
    }
    let only_theirs = open.into_iter().flat_map(|(word, left)| std::iter::repeat_n(word, left)).collect();
    (common, only_ours, only_theirs)
}

fn is_number(word: &str) -> bool {
    word.chars().any(char::is_numeric)
}

/// Two words of which different customers have each one: `East` and `West`, `1` and `2`.
fn told_apart<'a>(ours: &[&'a str], theirs: &[&'a str]) -> Option<(&'a str, &'a str)> {
    ours.iter().find_map(|one| {
        let group = TELL_APART.iter().find(|words| words.contains(one));
        let other = theirs
            .iter()
            .find(|other| (is_number(one) && is_number(other)) || group.is_some_and(|words| words.contains(other)));
        other.map(|other| (*one, *other))
    })
}

/// Takes out the words that are one word in two spellings.
fn forgive<'a>(ours: &mut Vec<&'a str>, theirs: &mut Vec<&'a str>) -> Vec<&'a str> {
    let mut forgiven = Vec::new();
    ours.retain(|one| {
        let Some(place) = theirs.iter().position(|other| is_misspelled(one, other)) else { return true };
        theirs.remove(place);
        forgiven.push(*one);
        false
    });
    forgiven
}

fn is_misspelled(one: &str, other: &str) -> bool {
    let long = |word: &str| word.len() > SHORT && word.chars().nth(SHORT).is_some() && !is_number(word);
    // Most pairs end here, before anything is written anew.
    let first = |word: &str| {
        word.bytes().next().map(|byte| match byte {
            b'c' => b'k',
            b'p' => b'f',
            b'z' => b's',
            b'y' => b'i',
            other => other,
        })
    };
    first(one) == first(other)
        && one.len().abs_diff(other.len()) <= SHORT
        && long(one)
        && long(other)
        && (umlauts(one) == umlauts(other)
            || skeleton(one) == skeleton(other)
            || strsim::damerau_levenshtein(one, other) <= 1)
}

/// `Mueller` is `Müller`, which has lost its dots already.
fn umlauts(word: &str) -> String {
    word.replace("ae", "a").replace("oe", "o").replace("ue", "u")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(one: &str, other: &str) -> (u8, Likeness) {
        let (one, other) = (Spelled::new(one), Spelled::new(other));
        let there = likeness(&one, &other, &|_| 1.0);
        assert_eq!(likeness(&other, &one, &|_| 1.0).0, there.0, "the same from both sides");
        there
    }

    #[test]
    fn abbreviations_are_sorted_to_be_found() {
        assert!(WRITTEN_OUT.is_sorted_by(|one, other| one.0 < other.0));
    }

    #[test]
    fn what_a_user_would_take_for_one_scores_more_than_what_is_two() {
        let cases: &[(&str, &str, std::ops::RangeInclusive<u8>)] = &[
            ("Acme Dental LLC", "ACME DENTAL, Inc.", 92..=92),
            ("The Smile Studio", "Smile Studio Ltd", 88..=88),
            ("Acme Mfg. & Svcs", "Acme Manufacturing Services", 88..=88),
            ("Harbor Ctr", "Harbor Centre", 88..=88),
            ("Dental Acme", "Acme Dental", 80..=80),
            ("Müller Zahntechnik", "Mueller Zahntechnik", 70..=80),
            ("Harbour Dental", "Harbor Dental", 70..=80),
            ("Acme Dental Warehouse", "Acme Dental", 55..=72),
            ("Alpha Beta Construction", "ABC", 55..=55),
            ("Smith Dental East", "Smith Dental West", 25..=25),
            ("Smith Dental East", "Smith Dental", 40..=45),
            ("Acme 1", "Acme 2", 25..=25),
            ("A & B Plumbing", "AB Plumbing", 0..=72),
            ("Jones Dental", "Smith Dental", 0..=30),
            ("Jones", "Smith", 0..=0),
            ("AB", "A B and", 0..=60),
            ("", "Acme", 0..=0),
        ];
        for (one, other, expected) in cases {
            let (score, likeness) = score(one, other);
            assert!(expected.contains(&score), "{one} / {other}: {score} {likeness:?}");
        }
    }

    #[test]
    fn a_word_that_many_have_says_little() {
        let weight = |word: &str| if word == "dental" { 0.3 } else { 3.0 };
        let spelled = |name: &str| Spelled::new(name);
        let (rare, _) = likeness(&spelled("Foxglove Dental"), &spelled("Foxglove Bakery"), &weight);
        let (common, _) = likeness(&spelled("Foxglove Dental"), &spelled("Kestrel Dental"), &weight);
        assert!(rare > common + 15, "{rare} {common}");
    }
}
