// A conformance of a public type is public itself, and so are these imports.
public import ArgumentParser
public import Quantization

extension Recipe.Name: ExpressibleByArgument {}
extension Quantizer.Feedback: ExpressibleByArgument {}
extension Quantizer.Scaling: ExpressibleByArgument {}
