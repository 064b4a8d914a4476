//! Who may pay: the account directory, policies and attempt windows.
