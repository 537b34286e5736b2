"""The page: values rendered to escaped HTML, and Gradio around them; importing it loads nothing heavy."""
