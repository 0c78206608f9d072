-- What each published share of interruptions is a share of, so that a month of running machines
-- and a day of stopped ones can lie in one table without being taken for one another.
--
-- denominator  running | stopped | launched: the machines the share is of | unknown
-- window_s     the time the share was averaged over; NULL: not stated
-- label        the band as its publisher writes it; NULL: a share without a band
-- zone         NULL: the share is of the region
--
-- Rows from before are told apart by the words in `what`, which each reader wrote in one form only.
ALTER TABLE interruption_band ADD COLUMN zone VARCHAR;
ALTER TABLE interruption_band ADD COLUMN denominator VARCHAR;
ALTER TABLE interruption_band ADD COLUMN window_s DOUBLE;
ALTER TABLE interruption_band ADD COLUMN label VARCHAR;

UPDATE interruption_band
SET denominator = CASE WHEN starts_with(what, 'AWS Spot Advisor: share of running ') THEN 'running'
                       WHEN starts_with(what, 'Azure Resource Graph: share of running ') THEN 'running'
                       WHEN starts_with(what, 'Google capacityHistory')
                            AND contains(what, 'over spot machines that stopped') THEN 'stopped'
                       ELSE 'unknown' END,
    window_s    = CASE WHEN starts_with(what, 'AWS Spot Advisor: ') AND contains(what, 'trailing month') THEN horizon_s
                       WHEN starts_with(what, 'Azure Resource Graph: ') AND contains(what, 'trailing 28 days')
                            THEN 28 * 86400
                       WHEN starts_with(what, 'Google capacityHistory') THEN horizon_s END,
    label       = CASE WHEN starts_with(what, 'AWS Spot Advisor: ') THEN
                            CASE rate_low WHEN 0.0  THEN '<5%'    WHEN 0.05 THEN '5-10%' WHEN 0.1 THEN '10-15%'
                                          WHEN 0.15 THEN '15-20%' WHEN 0.2  THEN '>20%' END
                       WHEN starts_with(what, 'Azure Resource Graph: ') THEN
                            CASE rate_low WHEN 0.0  THEN '0-5'    WHEN 0.05 THEN '5-10'  WHEN 0.1 THEN '10-15'
                                          WHEN 0.15 THEN '15-20'  WHEN 0.2  THEN '20+' END END,
    zone        = nullif(regexp_extract(what, '^Google capacityHistory in ([^:]+):', 1), '');
