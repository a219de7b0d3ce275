#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/record.h"
#include "core/normalise/mapping.h"
#include "core/normalise/normalise.h"
#include "core/normalise/observed.h"
#include "tonus/v1/event.pb.h"

namespace tonus::core {

/// The body of Normaliser; what it writes into belongs to the call in progress.
struct Normaliser::Impl {
  Impl(const Mapping& mapping_in, const NormaliserOptions& options_in)
      : mapping(mapping_in), options(options_in) {}

  const Mapping& mapping;
  const NormaliserOptions options;
  NormaliserCounts counts;
  ObservedEvent observed;
  std::int64_t future_ns = 0;  ///< Of this event.
  v1::Event::BodyCase body_case = v1::Event::BODY_NOT_SET;
  v1::Event message;                     ///< What is not read straight from its bytes.
  std::deque<std::string> folded_sites;  ///< Of samples whose site was not sent in its own form.
  std::string topic_patient;             ///< Unescaped, where the topic holds escapes.
  std::array<char, 4> spinal_level{};
  std::string topic_unit;  ///< Unescaped unit, where an encounter names none.

  NormalEvent* out = nullptr;
  std::vector<Rejection>* rejections = nullptr;

  bool Run(const Record& record);

  /// Refuses the event; returns false.
  bool Refuse(RejectionCode code, std::string sentence, std::string subject = {});
  /// Refuses one value; the event goes on.
  void RefuseValue(RejectionCode code, int item, std::string subject, std::string sentence);
  /// Refuses one value, or the event where nothing would be left of it. Returns whether to go on.
  bool RefuseField(bool needed, RejectionCode code, std::string subject, std::string sentence);

  bool Parse(const Record& record);
  bool CheckEnvelope(std::string_view patient_part);
  bool CheckKind();

  bool ReadObservations();
  void ReadObservation(const ObservedItem& item, int index);
  SignalId ResolveCode(const ObservedItem& item, int index, std::string_view* site);
  bool ReadValue(const ObservedItem& item, int index, const Signal& signal, NormalSample* sample);
  bool ReadText(const ObservedItem& item, int index, const Signal& signal, NormalSample* sample);
  bool ReadQuantity(const ObservedItem& item, int index, const Signal& signal, double number,
                    NormalSample* sample);
  bool ReadTime(const ObservedItem& item, int index, const Signal& signal, NormalSample* sample);
  bool ReadSite(std::string_view sent, int index, const Signal& signal, NormalSample* sample);
  void CountUnknown(std::map<std::string, std::uint64_t>* table, const std::string& key);

  bool ReadPumpEvent(const v1::PumpEvent& body);
  bool ReadPumpStatus(const v1::PumpStatus& body);
  bool ReadPumpNumber(bool present, double value, double max, bool needed, const char* field,
                      const char* unit, std::optional<double>* to);
  bool ReadConcentration(bool present, double value, bool needed, std::optional<double>* to);
  void ReadFault(const std::string& name);
  void AddFault(PumpEventId fault);
  bool ReadOrder(const v1::Order& body);
  bool ReadAdministration(const v1::Administration& body);
  DrugId ReadDrug(const v1::Coding& drug);
  struct Doses {
    bool has_mg = false;
    bool has_ug = false;
    double mg = 0;
    double ug = 0;
    std::int64_t interval_ns = 0;
    std::uint32_t route = 0;
    DrugId drug = 0;
    bool needed = true;  ///< Without its dose the event would mislead.
  };
  bool ReadDoses(const Doses& doses, std::optional<double>* mg, std::optional<double>* ug);
  bool ReadProcedure(const v1::Procedure& body);
  bool ReadEncounter(const v1::Encounter& body, std::string_view topic_unit_part);
  bool ReadPatient(const v1::PatientSnapshot& body);
  bool ReadAction(const v1::Action& body);
  void ReadNumber(bool present, double value, double low, double high, const char* field,
                  std::optional<double>* to);
  void ReadPast(bool present, std::int64_t ns, const char* field, std::optional<std::int64_t>* to);
};

/// −age: how far ahead of its recorded time a value claims to be.
std::int64_t Ahead(std::int64_t age_ns);
/// A number as sentences show it.
std::string Shown(double value);
/// Text from outside as sentences show it: quoted, cut after 60 bytes, control bytes replaced.
std::string Shown(std::string_view text);

}  // namespace tonus::core
