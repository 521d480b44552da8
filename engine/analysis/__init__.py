"""What a trained model can be asked: questions that take many evaluations, answered as plain values."""
