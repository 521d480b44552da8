"""Launch: a profile as a form, judged while it is changed."""
