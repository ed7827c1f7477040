//! When two spellings are one name: case, accents, punctuation, spaces and legal forms do not count, `&` is `and`.

use crate::legal_forms::{ATTACHED, LEADING, NOT_A_NAME, TRAILING};
use std::collections::HashSet;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

static FORMS: LazyLock<Forms> = LazyLock::new(|| Forms {
    trailing: FormSet::of(TRAILING),
    leading: FormSet::of(LEADING),
    attached: ATTACHED.iter().map(|form| words(form).concat()).collect(),
});

struct Forms {
    trailing: FormSet,
    leading: FormSet,
    attached: Vec<String>,
}

/// Legal forms, each as its words.
struct FormSet {
    forms: HashSet<Vec<String>>,
    longest: usize,
}

impl FormSet {
    fn of(table: &[&str]) -> Self {
        let forms: HashSet<Vec<String>> = table.iter().map(|form| words(form)).collect();
        let longest = forms.iter().map(Vec::len).max().unwrap_or_default();
        Self { forms, longest }
    }
}

/// The name without what does not tell customers apart. Two orgs whose names become the same text have equal names; one
/// that becomes empty has no name. A digit stays apart from the digit of the next word: `Acme 1 2` is not `Acme 12`.
pub fn normalise(name: &str) -> String {
    let words = words(name);
    let joined = join(without_forms(&words));
    without_attached(&joined).to_owned()
}

/// The words of the name, lower-cased, without accents and legal forms: for comparing names that are not equal.
pub(crate) fn core_words(name: &str) -> Vec<String> {
    let words = words(name);
    without_forms(&words).to_vec()
}

/// Lower-cased words without accents and punctuation; `L.L.C.` and `s. r. o.` are one word each.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    // Whether the last word is made of abbreviated letters, and the next letter may belong to it.
    let mut abbreviated = false;
    for (word, dotted) in split(name) {
        let is_letter = word.chars().nth(1).is_none() && word.chars().all(char::is_alphabetic);
        match words.last_mut() {
            Some(last) if abbreviated && is_letter => last.push_str(&word),
            _ => words.push(word.nfc().collect()),
        }
        abbreviated = is_letter && dotted;
    }
    words
}

/// Words, each with whether a dot or a slash is right behind it. Letters are decomposed but for the accents they lose.
fn split(name: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut end = |word: &mut String, dotted| {
        if !word.is_empty() {
            words.push((std::mem::take(word), dotted));
        }
    };
    let visible = name.chars().filter(|c| !joins(*c)).map(|c| if matches!(c, '™' | '℠') { ' ' } else { c });
    for c in visible.nfkd().filter(|c| !joins(*c)).flat_map(char::to_lowercase).flat_map(plain) {
        match c {
            c if is_combining_mark(c) => {
                if word.chars().next_back().is_some_and(|base| keeps_mark(base, c)) {
                    word.push(c);
                }
            }
            c if c.is_alphanumeric() => word.push(c),
            '&' | '+' => {
                end(&mut word, false);
                words_of_sign(c).clone_into(&mut word);
                end(&mut word, false);
            }
            c => end(&mut word, matches!(c, '.' | '/')),
        }
    }
    end(&mut word, false);
    words
}

fn words_of_sign(sign: char) -> &'static str {
    if sign == '&' { "and" } else { "plus" }
}

/// Apostrophes and invisible characters stand inside a word: `O'Brien` is `OBrien`.
fn joins(c: char) -> bool {
    matches!(
        c,
        '\'' | '’' | '‘' | '‛' | '`' | '´' | 'ʼ' | 'ʻ' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

/// Latin and Greek letters lose their accents. Elsewhere a mark makes another letter (`й`, `が`) or is a vowel.
fn keeps_mark(base: char, mark: char) -> bool {
    let is_yo = base == 'е' && mark == '\u{308}';
    base >= '\u{400}' && !is_yo
}

/// Letters that look like another with a stroke, or like two, but do not decompose.
fn plain(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        'ß' => ('s', Some('s')),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'þ' => ('t', Some('h')),
        'ø' => ('o', None),
        'ł' => ('l', None),
        'đ' | 'ð' => ('d', None),
        'ħ' => ('h', None),
        'ı' => ('i', None),
        'ς' => ('σ', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

/// Drops legal forms from both ends, again and again, as long as a name is left.
fn without_forms(mut words: &[String]) -> &[String] {
    while let Some(rest) = drop_trailing(words).or_else(|| drop_leading(words)) {
        words = rest;
    }
    words
}

fn drop_trailing(words: &[String]) -> Option<&[String]> {
    let set = &FORMS.trailing;
    (1..=set.longest.min(words.len())).rev().find_map(|length| {
        let (rest, form) = words.split_at(words.len() - length);
        (set.forms.contains(form) && is_name(rest)).then_some(rest)
    })
}

fn drop_leading(words: &[String]) -> Option<&[String]> {
    let set = &FORMS.leading;
    (1..=set.longest.min(words.len())).rev().find_map(|length| {
        let (form, rest) = words.split_at(length);
        (set.forms.contains(form) && is_name(rest)).then_some(rest)
    })
}

fn is_name(words: &[String]) -> bool {
    words.iter().any(|word| !NOT_A_NAME.contains(&word.as_str()))
}

/// The words without spaces, but between two digits.
fn join(words: &[String]) -> String {
    let is_digit = |c: Option<char>| c.is_some_and(char::is_numeric);
    let mut joined = String::new();
    for word in words {
        if is_digit(joined.chars().next_back()) && is_digit(word.chars().next()) {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined.nfc().collect()
}

fn without_attached(mut name: &str) -> &str {
    while let Some(rest) = FORMS.attached.iter().find_map(|form| drop_attached(name, form)) {
        name = rest;
    }
    name
}

fn drop_attached<'a>(name: &'a str, form: &str) -> Option<&'a str> {
    let rest = name.strip_suffix(form).or_else(|| name.strip_prefix(form))?;
    // A mark belongs to the letter before it: then the form is but the beginning of another word.
    rest.chars().next().is_some_and(|first| !is_combining_mark(first)).then_some(rest)
}

#[cfg(test)]
mod tests;
