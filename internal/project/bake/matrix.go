package bake

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// GetEvalContexts gives the parser the scopes of a target: one for each combination
// of its matrix. https://docs.docker.com/build/bake/matrices/
func (t *target) GetEvalContexts(scope *hcl.EvalContext, block *hcl.Block, load func(hcl.Expression) hcl.Diagnostics) ([]*hcl.EvalContext, error) {
	out := []*hcl.EvalContext{scope}
	matrix, err := attribute(block, "matrix", scope, load)
	if err != nil || matrix == cty.NilVal {
		return out, err
	}
	if !matrix.Type().IsMapType() && !matrix.Type().IsObjectType() || matrix.IsNull() {
		return nil, fmt.Errorf("matrix is not a map")
	}
	axes := matrix.AsValueMap()
	for _, key := range slices.Sorted(maps.Keys(axes)) {
		if axes[key].IsNull() || !axes[key].CanIterateElements() {
			return nil, fmt.Errorf("matrix: %s is not a list", key)
		}
		var next []*hcl.EvalContext
		for _, value := range axes[key].AsValueSlice() {
			for _, outer := range out {
				inner := scope.NewChild()
				inner.Variables = map[string]cty.Value{}
				if outer != scope {
					maps.Copy(inner.Variables, outer.Variables)
				}
				inner.Variables[key] = value
				if next = append(next, inner); len(next) > maxTargets {
					return nil, fmt.Errorf("matrix: more than %d targets", maxTargets)
				}
			}
		}
		out = next
	}
	return out, nil
}

// GetName gives the parser the name of a target in a scope.
func (t *target) GetName(scope *hcl.EvalContext, block *hcl.Block, load func(hcl.Expression) hcl.Diagnostics) (string, error) {
	name, err := attribute(block, "name", scope, load)
	if err != nil || name == cty.NilVal {
		return block.Labels[0], err
	}
	if name, err = convert.Convert(name, cty.String); err != nil || name.IsNull() || !name.IsKnown() {
		return "", fmt.Errorf("the name of target %s is not a text", block.Labels[0])
	}
	return name.AsString(), nil
}

// attribute is the value of an attribute, [cty.NilVal] if there is none.
func attribute(block *hcl.Block, name string, scope *hcl.EvalContext, load func(hcl.Expression) hcl.Diagnostics) (cty.Value, error) {
	content, _, diags := block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: name}}})
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	attr, ok := content.Attributes[name]
	if !ok {
		return cty.NilVal, nil
	}
	if diags := load(attr.Expr); diags.HasErrors() {
		return cty.NilVal, diags
	}
	value, diags := attr.Expr.Value(scope)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	return value, nil
}
