"""People judge documents, reasons and pairs; what they say is kept, compared and exported as training records."""
