package fastrcf.peer;

import com.amazon.randomcutforest.config.ForestMode;
import com.amazon.randomcutforest.config.TransformMethod;
import com.amazon.randomcutforest.parkservices.ThresholdedRandomCutForest;

/** AWS's forest with a threshold of its own, over a series of single values. */
final class Thresholded {
    private Thresholded() {}

    /**
     * Grades each value from those before it, then learns it.
     *
     * @param values a series, in order
     * @param trees number of trees
     * @param sample rows that each tree holds
     * @param shingle values that a tree sees together
     * @param seed of the forest
     * @return grade and score of each value in turn, 0 while the forest says nothing
     */
    static double[] process(double[] values, int trees, int sample, int shingle, long seed) {
        var forest =
                ThresholdedRandomCutForest.builder()
                        .dimensions(shingle)
                        .shingleSize(shingle)
                        .internalShinglingEnabled(true)
                        .numberOfTrees(trees)
                        .sampleSize(sample)
                        .randomSeed(seed)
                        .forestMode(ForestMode.STANDARD)
                        .transformMethod(TransformMethod.NORMALIZE)
                        .parallelExecutionEnabled(false)
                        .build();
        double[] answers = new double[2 * values.length];
        for (int i = 0; i < values.length; i++) {
            // Rows are the clock: clocks of real series show an hour twice, and have gaps.
            var found = forest.process(new double[] {values[i]}, i);
            answers[2 * i] = found.getAnomalyGrade();
            answers[2 * i + 1] = found.getRCFScore();
        }
        return answers;
    }
}
