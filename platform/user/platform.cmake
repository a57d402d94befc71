# Headers only.
