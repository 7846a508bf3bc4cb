//! The beat predictor: DeBERTa, its two heads, and the beats that are read from them.

use crate::golden::{Golden, TOLERANCE, bytes, json, weights};
use mustool_diffusion::beats::{BeatPredictor, PredictedBeats, decode_beats};
use mustool_diffusion::deberta::DebertaConfig;
use mustool_diffusion::{TokenBatch, chords::chord_prompt, chords::parse_chords};
use mustool_music::Chord;
use serde_json::Value;

pub(crate) fn predictor() -> BeatPredictor {
    let file = "beats_config.json";
    let config = DebertaConfig::from_json(file, &bytes(file)).unwrap();
    let weights = weights("beats.safetensors");
    let predictor = BeatPredictor::new(&config, &weights);
    weights.finish().unwrap();
    predictor
}

fn floats(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

fn singles(value: &Value) -> Vec<f32> {
    floats(value).into_iter().map(|x| x as f32).collect()
}

fn assert_beats(predicted: &PredictedBeats, max_beat: &Value, times: &Value) {
    assert_eq!(Value::from(predicted.max_beat), *max_beat);
    let actual: Vec<f64> = predicted.beats.iter().map(|beat| beat.time_s).collect();
    assert_eq!(actual, floats(times));
    for (i, beat) in predicted.beats.iter().enumerate() {
        assert_eq!(
            usize::from(beat.number),
            i % usize::from(predicted.max_beat) + 1
        );
    }
}

#[test]
fn scores_and_intervals_agree_pads_included() {
    let golden = Golden::load("beats_io.safetensors");
    let prediction = predictor().forward(&golden.token_batch("")).unwrap();
    golden.assert_close(&prediction.logits, "logits", TOLERANCE);
    golden.assert_close(&prediction.values, "values", TOLERANCE);
}

#[test]
fn a_text_without_its_pads_reads_the_same() {
    let golden = Golden::load("beats_io.safetensors");
    let length = golden.get("row1_unpadded.values").0[1];
    let row = golden.ids("input_ids")[1][..length].to_vec();
    let prediction = predictor()
        .forward(&TokenBatch::padded(&[row], 0).unwrap())
        .unwrap();
    golden.assert_close(&prediction.logits, "row1_unpadded.logits", TOLERANCE);
    golden.assert_close(&prediction.values, "row1_unpadded.values", TOLERANCE);
}

#[test]
fn the_same_beats_are_decoded() {
    let golden = Golden::load("beats_io.safetensors");
    let predicted = predictor().predict(&golden.token_batch("")).unwrap();
    let expected = json("beats_decoded.json");
    assert_eq!(predicted.len(), expected.as_array().unwrap().len());
    for (predicted, expected) in predicted.iter().zip(expected.as_array().unwrap()) {
        assert_beats(predicted, &expected["max_beat"], &expected["times"]);
    }
}

#[test]
fn intervals_questions_and_answers_agree() {
    let cases = json("feature_postprocess.json");
    for case in cases.as_array().unwrap() {
        let logits = singles(&case["first_token_logits"]);
        let predicted = decode_beats(&logits, &singles(&case["values"])).unwrap();
        assert_beats(&predicted, &case["max_beat"], &case["times"]);
        let Some(caption) = case["caption"].as_str() else {
            continue;
        };
        let question = chord_prompt(caption, &predicted.beats, predicted.max_beat);
        assert_eq!(question, case["chords_prompt"].as_str().unwrap());
        let answer = parse_chords(case["decoded_text"].as_str().unwrap());
        if case["chord_error"].is_string() {
            // Where the reference fails, the items that can be read are kept.
            assert!(!answer.skipped.is_empty(), "{case}");
            continue;
        }
        let names: Vec<String> = serde_json::from_value(case["chords"].clone()).unwrap();
        let chords: Vec<Chord> = names
            .iter()
            .map(|name| Chord::parse(name).unwrap())
            .collect();
        assert_eq!(
            answer
                .chords
                .iter()
                .map(|event| event.chord)
                .collect::<Vec<_>>(),
            chords
        );
        let times: Vec<f64> = answer.chords.iter().map(|event| event.time_s).collect();
        assert_eq!(times, floats(&case["chords_time"]));
    }
}
