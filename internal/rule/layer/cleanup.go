package layer

import (
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// CleanupInLaterLayer is the rule cleanup-in-later-layer: files that a later
// instruction deletes are still in the image.
func CleanupInLaterLayer() analysis.Rule {
	return analysis.Rule{
		ID:    "cleanup-in-later-layer",
		Title: "Files that a later instruction deletes stay in the image",
		Text: `A layer is never changed by those above it: a RUN that deletes files of a lower layer only hides them, and every pull still downloads
them. Delete files in the RUN that makes them. If they are copied from another stage, delete them in that stage. If only one RUN needs
them (wheels, archives), mount them into it instead of copying them.`,
		Before: "COPY --from=builder /wheels /wheels\nRUN pip install --no-index --find-links=/wheels app && rm -rf /wheels\n",
		After:  "RUN --mount=type=bind,from=builder,source=/wheels,target=/wheels pip install --no-index --find-links=/wheels app\n",
		Run:    cleanups,
		Static: staticCleanups,
	}
}

func cleanups(p *analysis.Pass) []whittle.Finding {
	hidden, moved := p.Layers.Wasted(whittle.Deleted), p.Layers.Moved()
	for _, byLayer := range hidden {
		for layer, items := range byLayer {
			byLayer[layer] = slices.DeleteFunc(items, func(i int) bool { _, ok := moved[i]; return ok || p.UnpackedLater(i) })
		}
	}
	return hiddenFindings(p, hiddenRule{effect: effect{id: "cleanup-in-later-layer", does: "deletes"},
		advice: "delete the files in the instruction that makes them, or do not let them into the image",
		advise: func(layers []int) string {
			if slices.ContainsFunc(layers, func(l int) bool {
				c, ok := p.Recipe.LayerCopy(l)
				return !ok || !c.FromContext() || c.Instruction.Keyword != "COPY"
			}) {
				return ""
			}
			return "name them in .dockerignore, so that COPY does not bring them; where a RUN needs them, mount them into it"
		},
		fix: func(k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool) {
			if r, ok := bindMount(p, k, byLayer, layers); ok {
				return r, true
			}
			return relocate(p, k, layers)
		}}, hidden)
}
