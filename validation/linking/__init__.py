"""How linking does on real reports and on trials whose articles a hand search found."""
