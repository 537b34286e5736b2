"""Model engines: stock software that serves a plain causal LM, behind one interface."""
