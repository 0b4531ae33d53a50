"""guerdon: design a reward, train a policy against it, and know whether the policy earned it or gamed it."""
