"""From questions and documents to a student that the app serves; each stage is one runnable module."""
