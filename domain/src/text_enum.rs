//! One macro: an enum whose variants have one spelling, used by JSON, SQL and HTML alike.

/// Defines an enum with a fixed text for every variant: `as_str`, `FromStr`, `Display`, serde, schema and `ALL`.
macro_rules! text_enum {
    ($(#[doc = $doc:literal])+ pub enum $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[doc = $meaning])+ #[serde(rename = $text)] $variant,)+ }

        // Derived, it would name the variants instead of their texts.
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::text_enum::schema(concat!($($doc),+), &[$(($text, concat!($($meaning),+))),+])
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The one spelling of this value, in JSON, SQL and HTML.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// All spellings, for messages that say what is allowed.
            #[must_use]
            pub fn allowed() -> String {
                Self::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", ")
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            /// # Errors
            /// A message that names the allowed values.
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("must be one of {}", Self::allowed())),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use text_enum;

/// The schema of a text that is one of these values, with what each of them means.
#[cfg(feature = "openapi")]
pub(crate) fn schema(about: &str, values: &[(&str, &str)]) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    let meanings = values.iter().map(|(value, meaning)| format!(" `{value}`: {}", meaning.trim()));
    let about = format!("{}{}", about.trim(), meanings.collect::<String>()).replace("[`", "`").replace("`]", "`");
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .description(Some(about))
        .enum_values(Some(values.iter().map(|(value, _)| *value)))
        .into()
}
