//! The stage that moves money, in resumable steps.
