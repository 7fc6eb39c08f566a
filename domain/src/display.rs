//! How a browser shows pages. It is of the browser and not of the account: a phone and a desk differ.

use crate::text_enum::text_enum;

text_enum! {
    /// Whether pages are light or dark.
    pub enum Theme {
        /// As the system of the viewer is.
        System = "system",
        /// Light.
        Light = "light",
        /// Dark.
        Dark = "dark",
    }
}

impl Theme {
    /// The schemes of colours that a page says it has, before its stylesheet is there.
    #[must_use]
    pub const fn schemes(self) -> &'static str {
        match self {
            Self::System => "light dark",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

text_enum! {
    /// How moments are told.
    pub enum Times {
        /// By how long ago they are.
        Relative = "relative",
        /// By date and clock, in the zone of the viewer.
        Absolute = "absolute",
    }
}

/// What a browser has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Display {
    /// Light or dark.
    pub theme: Theme,
    /// How moments are told.
    pub times: Times,
}

impl Default for Display {
    fn default() -> Self {
        Self { theme: Theme::System, times: Times::Relative }
    }
}

impl Display {
    /// The name of the cookie of the theme.
    pub const THEME: &'static str = "theme";
    /// The name of the cookie of the times.
    pub const TIMES: &'static str = "times";

    /// From the cookies of a request, each a header as it was sent; what is not known counts as not chosen.
    ///
    /// ```
    /// use domain::display::{Display, Theme, Times};
    /// let chosen = Display::of_cookies(["sexton=sxs_1; theme=dark", "times=never"]);
    /// assert_eq!(chosen, Display { theme: Theme::Dark, times: Times::Relative });
    /// ```
    pub fn of_cookies<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut display = Self::default();
        for (name, value) in
            headers.into_iter().flat_map(|header| header.split(';')).filter_map(|one| one.trim().split_once('='))
        {
            match name {
                Self::THEME => display.theme = value.parse().unwrap_or(display.theme),
                Self::TIMES => display.times = value.parse().unwrap_or(display.times),
                _ => {}
            }
        }
        display
    }
}
